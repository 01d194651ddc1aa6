#!/bin/bash
# Validates in a Slurm job array: a task for each shard. Then one more job puts the shards together:
#
#     job=$(sbatch --parsable --array=1-8 examples/validate_on_slurm.sh test.csv report/)
#     sbatch --dependency=afterok:$job --wrap 'lungglass merge report/shard-* --out report/'
#
# What follows the folder goes to `lungglass validate`: `--device wgpu --split test`. A task that Slurm starts again goes on
# where it was stopped. LUNGGLASS names the command if it is not on the PATH.
#SBATCH --job-name=lungglass
#SBATCH --cpus-per-task=4
#SBATCH --requeue
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: sbatch --array=1-N $0 MANIFEST OUT [OPTIONS...]" >&2
    exit 1
fi
manifest=$1
out=$2
shift 2
part=${SLURM_ARRAY_TASK_ID:?run it in a job array: sbatch --array=1-N}
of=${SLURM_ARRAY_TASK_COUNT:?run it in a job array: sbatch --array=1-N}
export RAYON_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

status=0
"${LUNGGLASS:-lungglass}" validate --manifest "$manifest" --shard "$part/$of" --out "$out/shard-$part" --resume "$@" || status=$?
# 2: all was done, but some slices could not be read. The report names them, and the other shards go on.
if [ "$status" -eq 2 ]; then
    status=0
fi
exit "$status"
