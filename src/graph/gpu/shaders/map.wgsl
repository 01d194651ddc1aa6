// Nothing but the expression, for each element of the output.
//
// The prelude gives THREADS (of a workgroup), ACROSS (workgroups side by side), TOTAL (elements of the output), finish and store.

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = (group.y * ACROSS + group.x) * THREADS + local;
    if (i < TOTAL) {
        store(i, finish(i, 0.0));
    }
}
