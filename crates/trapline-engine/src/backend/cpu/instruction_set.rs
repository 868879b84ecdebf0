//! The instruction sets that kernels are compiled for, and which of them a processor has.
//!
//! A kernel is one source, an `#[inline(always)]` function, which [`per_instruction_set`] compiles once per set. The
//! features of a set are written in one place, from which compiler and processor are asked, so that no kernel runs
//! that the processor cannot run.

/// The processor features of each wider instruction set, written once: hands them to another macro, in front of what
/// that one is given. [`features_found`] asks the processor for what [`per_instruction_set`] compiles for. What
/// AVX-512F implies is named too, because a hypervisor may hide it.
#[cfg(target_arch = "x86_64")]
macro_rules! with_features {
    (avx2 $then:ident! $($rest:tt)*) => { $then! { ["avx2"] $($rest)* } };
    (avx512 $then:ident! $($rest:tt)*) => {
        $then! { ["avx2" "fma" "f16c" "avx512f" "avx512cd" "avx512dq" "avx512vl" "avx512bw"] $($rest)* }
    };
}

/// A function compiled for some features.
#[cfg(target_arch = "x86_64")]
macro_rules! compiled_for {
    ([$($feature:tt)+] $function:item) => { $(#[target_feature(enable = $feature)])+ $function };
}

/// Features by name, and whether this processor has each.
#[cfg(target_arch = "x86_64")]
macro_rules! features_found {
    ([$($feature:tt)+]) => { vec![$(($feature, is_x86_feature_detected!($feature))),+] };
}

/// Compiles an `#[inline(always)]` function once per instruction set and calls the chosen one.
macro_rules! per_instruction_set {
    ($(#[$doc:meta])* $vis:vis fn $name:ident = $body:ident($($arg:ident: $kind:ty),* $(,)?) -> $out:ty) => {
        $(#[$doc])*
        $vis fn $name(set: InstructionSet, $($arg: $kind),*) -> $out {
            #[cfg(target_arch = "x86_64")]
            {
                with_features! { avx2 compiled_for!
                    fn avx2($($arg: $kind),*) -> $out {
                        $body($($arg),*)
                    }
                }
                with_features! { avx512 compiled_for!
                    fn avx512($($arg: $kind),*) -> $out {
                        $body($($arg),*)
                    }
                }
                // SAFETY: a set is only ever chosen from `InstructionSet::available`, which asked the processor.
                match set {
                    InstructionSet::Avx2 => return unsafe { avx2($($arg),*) },
                    InstructionSet::Avx512 => return unsafe { avx512($($arg),*) },
                    InstructionSet::Baseline => {}
                }
            }
            let _ = set;
            $body($($arg),*)
        }
    };
}

/// An instruction set the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstructionSet {
    /// What every processor of the architecture has; SSE2 on x86-64.
    Baseline,
    Avx2,
    Avx512,
}

impl InstructionSet {
    /// As the record names it.
    pub fn name(self) -> &'static str {
        match self {
            InstructionSet::Baseline if cfg!(target_arch = "x86_64") => "sse2",
            InstructionSet::Baseline => "portable",
            InstructionSet::Avx2 => "avx2",
            InstructionSet::Avx512 => "avx512",
        }
    }

    /// Those this processor has, narrowest first.
    pub fn available() -> Vec<InstructionSet> {
        let all = [InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512];
        all.into_iter().filter(|set| set.features().is_some_and(|f| f.iter().all(|(_, found)| *found))).collect()
    }

    /// The features the set is compiled for, and whether this processor has each; `None` where the architecture has
    /// no such set.
    fn features(self) -> Option<Vec<(&'static str, bool)>> {
        match self {
            InstructionSet::Baseline => Some(Vec::new()),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Some(with_features! { avx2 features_found! }),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Some(with_features! { avx512 features_found! }),
            #[cfg(not(target_arch = "x86_64"))]
            InstructionSet::Avx2 | InstructionSet::Avx512 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_available_only_with_every_feature_it_is_compiled_for() {
        for set in [InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512] {
            let has_all = set.features().is_some_and(|features| features.iter().all(|(_, found)| *found));
            assert_eq!(InstructionSet::available().contains(&set), has_all, "{set:?}");
        }
        #[cfg(target_arch = "x86_64")]
        {
            let names = |set: InstructionSet| -> Vec<_> { set.features().into_iter().flatten().map(|f| f.0).collect() };
            assert_eq!(names(InstructionSet::Avx2), ["avx2"]);
            for feature in ["avx512f", "avx512cd", "avx512dq", "avx512vl", "avx512bw"] {
                assert!(
                    names(InstructionSet::Avx512).contains(&feature),
                    "{feature} is compiled for and not asked for"
                );
            }
        }
    }
}
