// Sums over axes, COUNT terms each.
//
// The prelude gives THREADS (of a workgroup), ACROSS (workgroups side by side), TOTAL (elements of the output), COUNT, and
// - first(i): where the terms of element `i` begin;
// - along(j): how far behind it the term `j` lies;
// - term(place): the value there;
// - finish and store.

var<workgroup> parts: array<f32, THREADS>;

/// Every term of element `i` that is `by` behind the last, from `start` on.
fn part(i: u32, start: u32, by: u32) -> f32 {
    let base = first(i);
    var sum = 0.0;
    for (var j = start; j < COUNT; j += by) {
        sum += term(base + along(j));
    }
    return sum;
}

/// A thread for each element.
@compute @workgroup_size(THREADS)
fn alone(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = (group.y * ACROSS + group.x) * THREADS + local;
    if (i < TOTAL) {
        store(i, finish(i, part(i, 0u, 1u)));
    }
}

/// A workgroup for each element. A tree keeps the error of a sum small, whatever its length.
@compute @workgroup_size(THREADS)
fn together(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = group.y * ACROSS + group.x;
    parts[local] = part(min(i, TOTAL - 1u), local, THREADS);
    workgroupBarrier();
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        if (local < half) {
            parts[local] += parts[local + half];
        }
        workgroupBarrier();
    }
    if (local == 0u && i < TOTAL) {
        store(i, finish(i, parts[0]));
    }
}
