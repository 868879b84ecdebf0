"""Fits lifetimes with reliability and scipy, and compares with what trapline found. Called by tests/lifetime_python.rs.

The file holds a list of documents; a line is printed for each: `agree`, or what does not.
"""

import json
import sys

import numpy as np
from reliability.Fitters import Fit_Lognormal_2P, Fit_Weibull_2P
from scipy import optimize, special, stats

# Two maximisers of one likelihood: reliability's stops where the likelihood changes by less than 1e-9 or so of
# itself, which leaves the parameters to sqrt(1e-9) of their standard errors (some 10 %), and its second derivatives
# to a little more.
FITTED = 2e-4
# Nelder and Mead's polytope is shrunk to 1e-9, where the likelihood is flat to rounding: sqrt(1e-16) of a standard
# error.
POLISHED = 1e-6
# The profile's end is a root that trapline finds to 1e-7 of z and scipy to 1e-9.
PROFILE = 1e-5
# Quantiles of the beta and the chi-square law, to their rounding.
EXACT = 1e-10


def near(is_, wanted, tolerance, what):
    assert abs(is_ - wanted) <= tolerance * abs(wanted), f"{what}: {is_!r}, wanted {wanted!r}"


def shares(law, times, ln_scale, ln_sigma):
    """Failed and surviving share at these times, each to its own last digits."""
    with np.errstate(divide="ignore", over="ignore"):
        z = (np.log(times) - ln_scale) / np.exp(ln_sigma)
        if law == "weibull":
            return -np.expm1(-np.exp(z)), np.exp(-np.exp(z))
    return special.ndtr(z), special.ndtr(-z)


def exact(case, confidence):
    failures, censored = np.array(case["failures"]), np.full(case["censored"], case["end"])
    for ours in case["fits"]:
        fitter = Fit_Weibull_2P if ours["law"] == "weibull" else Fit_Lognormal_2P
        theirs = fitter(
            failures=failures, right_censored=censored, CI=confidence, print_results=False, show_probability_plot=False
        )
        name = ours["law"]
        if name == "weibull":
            pairs = [(ours["scale"], "alpha", 1), (ours["shape"], "beta", 1)]
        else:
            pairs = [(ours["shape"], "sigma", 1), (ours["scale"], "mu", 0)]
        for estimate, parameter, same_scale in pairs:
            # reliability's mu is the logarithm of the median, with symmetric bounds: exponentials of those are ours.
            read = (lambda x: x) if same_scale else np.exp
            value, low, high = (getattr(theirs, parameter + end) for end in ("", "_lower", "_upper"))
            near(estimate["value"], read(value), FITTED, f"{name} {parameter}")
            near(estimate["wald"]["lower"], read(low), 5 * FITTED, f"{name} {parameter} lower")
            near(estimate["wald"]["upper"], read(high), 5 * FITTED, f"{name} {parameter} upper")
        # A class has the probability density times width.
        widths = np.log(2 * case["half_width"] * failures).sum()
        near(ours["log_likelihood"] - widths, theirs.loglik, 1e-6, f"{name} log likelihood")


def interval_log_likelihood(case, law, ln_scale, ln_sigma):
    edges = np.concatenate([[0.0], case["times"], [np.inf]])
    counts = np.diff(np.concatenate([[0], case["failed"], [case["total"]]]))
    failed, alive = shares(law, edges, ln_scale, ln_sigma)
    # On the side where the smaller tail is.
    share = np.where(failed[:-1] > 0.5, alive[:-1] - alive[1:], failed[1:] - failed[:-1])
    return float((counts[counts > 0] * np.log(share[counts > 0])).sum())


def polished(function, start):
    """The minimum, searched again from where the search ended."""
    options = {"xatol": 1e-10, "fatol": 1e-13, "maxiter": 4000}
    for _ in range(3):
        start = optimize.minimize(function, start, method="Nelder-Mead", options=options).x
    return start, function(start)


def intervals(case, confidence):
    z2 = stats.chi2.ppf(confidence, 1)
    for ours in case["fits"]:
        law = ours["law"]
        start = [np.log(ours["scale"]["value"] * 1.3), 0.1]
        (ln_scale, ln_sigma), least = polished(lambda p: -interval_log_likelihood(case, law, *p), start)
        shape = np.exp(-ln_sigma if law == "weibull" else ln_sigma)
        near(ours["scale"]["value"], np.exp(ln_scale), POLISHED, f"{law} scale of intervals")
        near(ours["shape"]["value"], shape, POLISHED, f"{law} shape of intervals")
        near(ours["log_likelihood"], -least, 1e-10, f"{law} log likelihood of intervals")
        # scipy's own fit of interval-censored data, which stops early.
        lows = np.concatenate([[0.0], case["times"]])
        highs = np.concatenate([case["times"], [np.inf]])
        counts = np.diff(np.concatenate([[0], case["failed"], [case["total"]]]))
        pairs = np.repeat(np.column_stack([lows, highs]), counts, axis=0)
        family = stats.weibull_min if law == "weibull" else stats.lognorm
        fitted_shape, _, scale = family.fit(stats.CensoredData(interval=pairs), floc=0)
        near(ours["shape"]["value"], fitted_shape, 1e-3, f"{law} shape by scipy")
        near(ours["scale"]["value"], scale, 1e-3, f"{law} scale by scipy")

        # The time to 1 %, and its profile: the likelihood's maximum with that time held.
        z = np.log(-np.log1p(-0.01)) if law == "weibull" else stats.norm.ppf(0.01)
        ln_life = ln_scale + z * np.exp(ln_sigma)
        near(ours["life"]["value"], np.exp(ln_life), 10 * POLISHED, f"{law} life")

        def excess(ln_t):
            held = lambda s: -interval_log_likelihood(case, law, ln_t - z * np.exp(s), s)
            inner = optimize.minimize_scalar(held, bracket=(ln_sigma - 0.1, ln_sigma + 0.1), options={"xtol": 1e-11})
            return 2 * (inner.fun - least) - z2

        reach = 6 * ours["life"]["standard_error"] / ours["life"]["value"]
        for end, sign in (("lower", -1), ("upper", 1)):
            root = optimize.brentq(excess, ln_life, ln_life + sign * reach, xtol=1e-9)
            near(ours["life"]["profile"][end], np.exp(root), PROFILE, f"{law} life, profile {end}")


def joint(case, confidence):
    """Several temperatures in one likelihood: profiles of ln t of a fraction, of the slope and of ln sigma."""
    law, z2 = case["law"], stats.chi2.ppf(confidence, 1)

    def log_likelihood(ln_t, slope, ln_sigma, x, z):
        mu = [ln_t - z * np.exp(ln_sigma) + slope * (bake["x"] - x) for bake in case["bakes"]]
        return sum(interval_log_likelihood(bake, law, at, ln_sigma) for bake, at in zip(case["bakes"], mu))

    def profiled(estimate, index, start, x, z, read, what):
        others = [start[i] for i in range(3) if i != index]

        def excess(value):
            held = lambda p: -log_likelihood(*np.insert(p, index, value), x, z)
            # Flat at its minimum: a gradient of 1e-5 by differences leaves next to nothing of a deviance of 2.7.
            return 2 * (optimize.minimize(held, others, method="BFGS").fun - least) - z2

        value = read(estimate["value"])
        for end in ("lower", "upper"):
            ours = read(estimate["profile"][end])
            root = optimize.brentq(excess, value + 0.7 * (ours - value), value + 1.4 * (ours - value), xtol=1e-9)
            # A ten-thousandth of the half width.
            assert abs(ours - root) <= 1e-4 * abs(root - value), f"{what}, {end}: {ours!r}, wanted {root!r}"

    ln_sigma = -np.log(case["shape"]["value"]) if law == "weibull" else np.log(case["shape"]["value"])
    slope = case["slope"]["value"]
    first = case["lives"][-1]
    start = [np.log(first["life"]["value"] * 1.1), slope, ln_sigma]
    z = np.log(-np.log1p(-first["fraction"])) if law == "weibull" else stats.norm.ppf(first["fraction"])
    # The maximum is one, whatever fraction at whatever temperature it is told by.
    least = polished(lambda p: -log_likelihood(*p, first["x"], z), start)[1]
    near(case["log_likelihood"], -least, 1e-9, f"{law} log likelihood of all")
    for of in case["lives"]:
        fraction = of["fraction"]
        z = np.log(-np.log1p(-fraction)) if law == "weibull" else stats.norm.ppf(fraction)
        start = [np.log(of["life"]["value"]), slope, ln_sigma]
        profiled(of["life"], 0, start, of["x"], z, np.log, f"{law} life of {fraction} at {of['x']}")
    profiled(case["slope"], 1, start, of["x"], z, lambda value: value, f"{law} slope")
    if law == "lognormal":
        profiled(case["shape"], 2, start, of["x"], z, np.log, f"{law} sigma")


def counted(counts):
    for of in counts["fractions"]:
        n, total, confidence = of["failed"], of["total"], of["confidence"]
        ends = stats.binomtest(n, total).proportion_ci(confidence, method="exact")
        one_sided = stats.beta.ppf(confidence, n + 1, total - n) if n < total else 1.0
        # binomtest solves for its ends by iteration; the beta quantile is the same number in closed form.
        low = stats.beta.ppf((1 - confidence) / 2, n, total - n + 1) if n > 0 else 0.0
        high = stats.beta.isf((1 - confidence) / 2, n + 1, total - n) if n < total else 1.0
        near(low, ends.low, 1e-6, "scipy against itself")
        near(high, ends.high, 1e-6, "scipy against itself")
        near(of["lower"], low, EXACT, f"{n} of {total}, lower")
        near(of["upper"], high, EXACT, f"{n} of {total}, upper")
        near(of["upper_one_sided"], one_sided, EXACT, f"{n} of {total}, one-sided")
    for of in counts["rates"]:
        upper = stats.chi2.ppf(of["confidence"], 2 * of["failed"] + 2) / 2 / of["device_hours"] * 1e9
        near(of["fit_upper"], upper, EXACT, f"{of['failed']} failures")
    for of in counts["samples"]:
        chance = lambda size: stats.binom.cdf(of["allowed"], size, of["fraction"])
        assert chance(of["size"]) <= 1 - of["confidence"] < chance(of["size"] - 1), of


def compare(document):
    confidence = document["confidence"]
    if "counts" in document:
        counted(document["counts"])
    for case in document.get("intervals", []):
        intervals(case, confidence)
    for case in document.get("joint", []):
        joint(case, confidence)
    for case in document.get("exact", []):
        exact(case, confidence)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        documents = json.load(file)
    for document in documents:
        try:
            compare(document)
            print("agree")
        except AssertionError as error:
            print(error)


main()
