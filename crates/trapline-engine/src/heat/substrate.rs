//! What arrays lie on, with the sources of each number. Every one can be overridden.

/// A layer of one material.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    pub thickness_m: f64,
    pub conductivity_w_per_m_k: f64,
    /// Heat capacity of a volume: density times specific heat, J/(m^3 K).
    pub capacity_j_per_m3_k: f64,
}

/// Film of polyethylene naphthalate, 125 um (a usual gauge; assumed). 0.18 W/(m K): a review of polymers for transparent wearable electronics
/// (PMC10452793, Table 3). 1360 kg/m^3: Goodfellow. 1.2 J/(g K): assumed, that of PET (1.0 to 1.5 in the same table).
pub const PEN: Layer =
    Layer { thickness_m: 125e-6, conductivity_w_per_m_k: 0.18, capacity_j_per_m3_k: 1360.0 * 1200.0 };

/// Borosilicate glass, 0.7 mm, as displays use. 1.1 W/(m K), 2230 kg/m^3 and 0.18 cal/(g K): Pyrex 7740, Corning.
pub const GLASS: Layer =
    Layer { thickness_m: 0.7e-3, conductivity_w_per_m_k: 1.1, capacity_j_per_m3_k: 2230.0 * 0.18 * 4184.0 };

/// Silicon, a wafer of 100 mm: 525 um (SEMI M1). 148 W/(m K) at 300 K: C. Y. Ho, R. W. Powell and P. E. Liley, J. Phys. Chem. Ref. Data
/// 1, 279 (1972). 2329 kg/m^3 and 0.713 J/(g K): handbook values.
pub const SILICON: Layer =
    Layer { thickness_m: 525e-6, conductivity_w_per_m_k: 148.0, capacity_j_per_m3_k: 2329.0 * 713.0 };

/// The array with its lines, as one layer: 100 nm of aluminium, 20 nm of film, 100 nm of ITO; the thicknesses of the lines are assumed. Films of 500 nm conduct
/// 200 (Al) and 10.2 W/(m K) (ITO; "A microstructure for thermal conductivity measurement of conductive thin films", which measures both).
/// Lines that cover half of the area make 45 W/(m K) along those of aluminium and 2.3 across; 10 is the geometric mean, which spreads heat as the
/// two do. 2.5 J/(cm^3 K) is that of both metals.
pub const SHEET: Layer = Layer { thickness_m: 220e-9, conductivity_w_per_m_k: 10.0, capacity_j_per_m3_k: 2.5e6 };
