//! How much the answer depends on the law: the same temperatures under ln t linear in 1/T and linear in T.

use serde::Serialize;

use super::error::LifetimeError;
use super::line::{Life, Line, TemperatureLaw};
use super::segments::{Segments, Use};

/// One law's line and what it says at the use temperature.
#[derive(Debug, Clone, Serialize)]
pub struct Rival {
    pub line: Line,
    pub life: Life,
    /// AIC less that of the better law: above 10 the law has next to no support, below 2 the data cannot tell
    /// (Burnham & Anderson, Model Selection and Multimodel Inference, 2002, section 2.6).
    pub aic_above_best: f64,
}

/// Both laws on the temperatures that [`Segments::life_at`] uses, Arrhenius first.
///
/// # Errors
/// As [`Segments::life_at`].
pub fn compare_temperature_laws(segments: &Segments, to: &Use) -> Result<[Rival; 2], LifetimeError> {
    let points = segments.points_of(segments.used_for(to)?);
    let fit = |law: TemperatureLaw| -> Result<Rival, LifetimeError> {
        let line = Line::fit(law, &points, segments.floor)?;
        let life = line.life(to.temperature_k, to.confidence)?;
        Ok(Rival { line, life, aic_above_best: 0.0 })
    };
    let mut rivals = [fit(TemperatureLaw::Arrhenius)?, fit(TemperatureLaw::LinearInT)?];
    let best = rivals[0].line.aic.min(rivals[1].line.aic);
    rivals.iter_mut().for_each(|rival| rival.aic_above_best = rival.line.aic - best);
    Ok(rivals)
}
