// Curvature p.S p from the sums of the workgroups, and the step alpha = r.z / p.S p; 0 where that is none. One workgroup.

var<workgroup> sums: array<f32, GROUP>;

@compute @workgroup_size(GROUP)
fn run(@builtin(local_invocation_index) local: u32) {
    var sum = 0.0;
    for (var at = local; at < network.products; at += GROUP) {
        sum += partials[at];
    }
    sums[local] = sum;
    workgroupBarrier();
    for (var reach = GROUP / 2u; reach > 0u; reach /= 2u) {
        if local < reach {
            sums[local] += sums[local + reach];
        }
        workgroupBarrier();
    }
    if local == 0u {
        let curvature = sums[0];
        scalars[0] = select(0.0, network.product / curvature, curvature > 0.0 && curvature < HUGE);
        scalars[1] = curvature;
    }
}
