//! Numbers of the f32 kernels that both of them must share: `cpu` takes them from here, the header of the shaders is
//! generated from here.

/// Coefficients of `expm1(r)/r` on |r| <= ln(2)/2, constant term first: minimax, relative error 2.3e-8 once rounded
/// to f32.
pub const EXPM1_OVER_R: [f32; 6] = [1.0, 0.499_999_97, 0.166_665_06, 0.041_667_137, 0.008_369_095, 0.001_388_887_3];
/// Upper part of ln 2: its product with any |n| < 2^15 is exact.
pub const LN2_HIGH: f32 = 0.693_359_4;
/// The rest of ln 2.
pub const LN2_LOW: f32 = -2.121_944_4e-4;
/// Arguments of exponentials are clamped to plus or minus this, inside f32's normal range.
pub const EXP_LIMIT: f32 = 87.0;
/// Below this the argument of [`phi`](super::cpu::lanes::phi) needs no reduction (n = 0 up to ln(2)/2 = 0.346), and its
/// slope is a series.
pub const NEAR: f32 = 0.34;
