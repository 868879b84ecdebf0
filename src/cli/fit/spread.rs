//! `trapline fit` of a file with `[spread]`: what devices differ in.

use std::path::PathBuf;
use std::time::Instant;

use trapline::backend::Backend;
use trapline::backend::cpu::Cpu;
use trapline::calibrate::file::Fit as FitPlan;
use trapline::calibrate::spread::file::Plan;
use trapline::calibrate::spread::{self, Request, Spread, picture, report};
use trapline::figure::Look;
use trapline::files::commit::Batch;
use trapline::material::{self, Material};

use super::{Fit, listed};
use crate::cli::{Failure, computing, outputs, terminal};

impl Fit {
    /// Finds the spread, prints it, and writes the material; exit code 1 where the search did not converge, a key is not told or ends
    /// at its limit, or devices are not what the spread makes.
    ///
    /// # Errors
    /// [`Failure`].
    pub(super) fn find_spread(
        &self,
        start: Instant,
        material: &Material,
        plan: &FitPlan,
        of: &Plan,
        inputs: &[PathBuf],
        (backend, look): (&dyn Backend, Option<&Look>),
    ) -> Result<(), Failure> {
        if !(plan.parameters.is_empty() && plan.targets.is_empty()) {
            return Err(Failure::Usage(
                "the fit file has [spread], which goes without --parameter and --claims: fit the nominal cell first, into a material \
                 of its own"
                    .to_owned(),
            ));
        }
        let name = self.name(material)?;
        self.nothing_is_there(inputs, look)?;
        of.blocks.iter().flat_map(|block| block.read_as()).for_each(|line| self.note(&line));
        self.note(&computing::heading(&backend.identity()));
        let fast = Cpu::open(None, None)?;
        let request = Request { material, origin: &self.material, plan: of, backend, fast: &fast, chance: true };
        let found = spread::run(&request)?;
        terminal::print(&if self.json { terminal::json(&report::json(&found))? } else { report::text(&found) })?;
        if let Some(path) = &self.output {
            let digits = self.digits.map(|digits| digits as usize);
            let text = spread::material_text(&request, &found, digits, &name, &self.from(), &self.command())?;
            material::parse(&text, &path.display().to_string()).map_err(|e| Failure::Failed(e.to_string()))?;
            let (mut batch, stem) = (Batch::new(), path.with_extension(""));
            batch.text(path, &text)?;
            let figure = look.is_some().then(|| (stem.clone(), picture::plate(&found, &name)));
            let written = outputs::place_drawn(batch, self.force, &stem, look, figure)?;
            let written: Vec<String> = written.iter().map(|p| p.display().to_string()).collect();
            self.note(&format!("wrote {} in {}", written.join(", "), terminal::waited(start.elapsed())));
        }
        verdict(&found)
    }
}

fn verdict(found: &Spread) -> Result<(), Failure> {
    let names = |which: fn(&spread::Found) -> bool| -> Vec<&str> {
        found.found.iter().filter(|of| which(of)).map(|of| of.key.name()).collect()
    };
    let mut wrong = Vec::new();
    if !found.converged {
        wrong.push("has not converged".to_owned());
    }
    let untold = names(|of| !of.is_told);
    if !untold.is_empty() {
        wrong.push(format!(
            "cannot tell {} from these curves: leave it out of spread.find, or measure what tells it",
            listed(&untold)
        ));
    }
    let limited = names(|of| of.at_limit);
    if !limited.is_empty() {
        wrong.push(format!("ends at the limit of {}: ask why devices differ so much", listed(&limited)));
    }
    if found.is_far_off() {
        wrong.push("is one about a nominal cell that is far off the devices: fit that first".to_owned());
    }
    let missed = found.missed();
    if !missed.is_empty() {
        wrong.push(format!("is not what the devices of {} show", listed(&missed)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Failed(format!("the spread {}", wrong.join("; it ")))) }
}
