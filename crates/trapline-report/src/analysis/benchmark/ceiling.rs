//! What a device can do at best.

/// What a device can do at best, as measured beside the kernels; all per second.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Ceiling {
    /// Bytes read and written by a copy within its memory.
    pub copy_bytes_per_s: f64,
    /// Multiplications and additions of f32.
    pub f32_per_s: f64,
    /// Of a launch that does nothing, s.
    pub launch_s: f64,
    /// Between the host's memory and the device's; none where they are the same.
    pub upload_bytes_per_s: Option<f64>,
    pub download_bytes_per_s: Option<f64>,
}

impl Ceiling {
    /// Most operations per second of a kernel with so many operations per byte of traffic.
    pub fn attainable_per_s(&self, operations_per_byte: f64) -> f64 {
        self.f32_per_s.min(operations_per_byte * self.copy_bytes_per_s)
    }

    /// The better of each of two measurements: what disturbs one only makes it worse.
    #[must_use]
    pub fn best(&self, other: &Ceiling) -> Ceiling {
        Ceiling {
            copy_bytes_per_s: self.copy_bytes_per_s.max(other.copy_bytes_per_s),
            f32_per_s: self.f32_per_s.max(other.f32_per_s),
            launch_s: self.launch_s.min(other.launch_s),
            upload_bytes_per_s: larger(self.upload_bytes_per_s, other.upload_bytes_per_s),
            download_bytes_per_s: larger(self.download_bytes_per_s, other.download_bytes_per_s),
        }
    }

    /// Whether two measurements of the f32 rate or of the copy are more than a tenth apart.
    pub fn differs(&self, other: &Ceiling) -> bool {
        let apart = |a: f64, b: f64| (a / b).ln().abs() > 0.1;
        apart(self.f32_per_s, other.f32_per_s) || apart(self.copy_bytes_per_s, other.copy_bytes_per_s)
    }
}

/// The larger of two rates, or the one that is known.
fn larger(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::max)
}
