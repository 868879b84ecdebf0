// How many of n trials of probability p succeed, in integers: the same bits as on the CPU. Twin:
// crates/trapline-model/src/rng/counts.rs, same names and same order of steps; what it is about is said there. Needs
// philox.wgsl. The tables lie behind the normal table: heads of three words for each place, law and digit, then two
// words a slot.

const COUNTS_AT: u32 = NORMAL_TABLE_WORDS;
const ENTRIES_AT: u32 = COUNTS_AT + 3u * DIGITS * LAWS * 16u;

// Whose random words a draw uses, of one cell, for one event of one step.
struct Source {
    seed: vec2<u32>,
    cell: vec2<u32>,
    purpose: u32,
    step: u32,
    event: u32,
}

// One round of Philox. Ten of them are written out: draws are many, and loops are counted.
fn philox_round(c: vec4<u32>, k: vec2<u32>) -> vec4<u32> {
    let product0 = mul_wide(PHILOX_M0, c.x);
    let product1 = mul_wide(PHILOX_M1, c.z);
    return vec4<u32>(product1.y ^ c.y ^ k.x, product1.x, product0.y ^ c.w ^ k.y, product0.x);
}

// Four words.
fn call_of(source: Source, call: u32) -> vec4<u32> {
    let w = vec2<u32>(PHILOX_W0, PHILOX_W1);
    var k = source.seed;
    var c = vec4<u32>(source.cell, source.step, purpose_and_draw(source.purpose, (source.event << CALL_BITS) | call));
    c = philox_round(c, k);
    k += w;
    c = philox_round(c, k);
    k += w;
    c = philox_round(c, k);
    k += w;
    c = philox_round(c, k);
    k += w;
    c = philox_round(c, k);
    k += w;
    c = philox_round(c, k);
    k += w;
    c = philox_round(c, k);
    k += w;
    c = philox_round(c, k);
    k += w;
    c = philox_round(c, k);
    k += w;
    return philox_round(c, k);
}

fn table_word(at: u32) -> u32 {
    return u32(normal_table[at]);
}

// What one word takes from the slots of a law; another one is called for where this one does not decide.
fn look_up(law: u32, place: u32, digit: u32, word: u32, source: Source, tie_call: u32, tie_word: u32) -> u32 {
    let head = COUNTS_AT + 3u * ((place * LAWS + law) * 16u + digit);
    let bits = table_word(head + 1u);
    let slot = word >> (32u - bits);
    let at = ENTRIES_AT + 2u * (table_word(head) + slot);
    let entry = table_word(at);
    let rest = word & (0xFFFFFFFFu >> bits);
    let kept = entry >> bits;
    var stays = rest < kept;
    if rest == kept {
        stays = call_of(source, tie_call)[tie_word] < table_word(at + 1u);
    }
    return table_word(head + 2u) + select(entry & ((1u << bits) - 1u), slot, stays);
}

// Of the trials, those that a law of the tables takes out (of Poisson's, a number of that mean); words of a stage of a
// draw, from one of them on.
fn by_digits(source: Source, stage: u32, law: u32, trials: u32, word: u32) -> u32 {
    var out = 0u;
    var rest = trials;
    var place = 0u;
    var of_call = call_of(source, PLENTY_CALL + 4u * stage + word / 4u);
    while rest > 0u {
        tick();
        let at = word + place;
        if place == 4u {
            of_call = call_of(source, PLENTY_CALL + 4u * stage + at / 4u);
        }
        let digit = rest & 15u;
        if digit > 0u {
            out += look_up(law, place, digit, of_call[at % 4u], source, TIE_CALL + 4u * stage + at / 4u, at % 4u);
        }
        rest >>= 4u;
        place += 1u;
    }
    return out;
}

// The probability's bits: how many zeros come first, and the 24 bits from the first one on.
struct Bits {
    zeros: u32,
    significant: u32,
}

fn bits_of(p: f32) -> Bits {
    let bits = bitcast<u32>(p);
    return Bits(126u - (bits >> 23u), (bits & 0x7FFFFFu) | 0x800000u);
}

// The product n p as a fraction of 2^64, high word first; below 1 where few are expected.
fn expected(trials: u32, p: Bits) -> vec2<u32> {
    // n S 2^8 is n p 2^(32 + zeros).
    let product = mul_wide(trials, p.significant << 8u);
    if p.zeros == 0u {
        return vec2<u32>(product.x, 0u);
    }
    if p.zeros < 32u {
        let up = 32u - p.zeros;
        return vec2<u32>((product.y << up) | (product.x >> p.zeros), product.x << up);
    }
    let down = p.zeros - 32u;
    if down == 0u {
        return vec2<u32>(product.y, product.x);
    }
    if down < 32u {
        return vec2<u32>(product.y >> down, (product.x >> down) | (product.y << (32u - down)));
    }
    return vec2<u32>(0u, select(product.y >> (down & 31u), 0u, down >= 63u));
}

// Whether fewer than 1/4 of the trials are expected to succeed.
fn is_scarce(trials: u32, p: Bits) -> bool {
    let product = mul_wide(trials, p.significant << 8u);
    if p.zeros >= 26u {
        return true;
    }
    if p.zeros >= 2u {
        return (product.y >> (p.zeros - 2u)) == 0u;
    }
    return ((product.y << (2u - p.zeros)) | (product.x >> (30u + p.zeros))) == 0u && product.y < 0x40000000u;
}

// A uniform number below `trials`, from 64 random bits.
fn below(trials: u32, high: u32, low: u32) -> u32 {
    let product_1 = mul_wide(high, trials);
    let product_0 = mul_wide(low, trials);
    let sum = product_1.x + product_0.y;
    return product_1.y + select(0u, 1u, sum < product_1.x);
}

// The number of trials that succeed with probability p each. `first` is a random word that no other draw uses.
fn binomial(source: Source, first: u32, trials: u32, p: f32) -> u32 {
    if trials == 0u || !(p > 0.0) || (bitcast<u32>(p) >> 23u) < LEAST_EXPONENT {
        return 0u;
    }
    if p >= 1.0 {
        return trials;
    }
    let bits = bits_of(p);
    if is_scarce(trials, bits) {
        return scarce(source, first, trials, bits);
    }
    return plenty(source, trials, bits);
}

// A Poisson number; of a mean above half of what the tables serve, one of that.
fn poisson(source: Source, first: u32, mean: f32) -> u32 {
    if !(mean > 0.0) {
        return 0u;
    }
    let bounded = min(mean, f32(params.most_trials / 2u));
    let whole = ceil(bounded);
    let drawn = min(by_digits(source, 0u, 0u, u32(whole), 0u), params.most_trials);
    var thinning = source;
    thinning.event += 1u;
    return drawn - binomial(thinning, first, drawn, (whole - bounded) / whole);
}

// Whether one of `among` trials is named by call `call`, and which.
struct Named {
    any: bool,
    place: u32,
}

fn named(source: Source, call: u32, first: u32, among: u32, p: Bits) -> Named {
    let test = expected(among, p);
    if call == 0u && first > test.x {
        return Named(false, 0u);
    }
    let of_call = call_of(source, call);
    let word = select(of_call.x, first, call == 0u);
    let any = word < test.x || (word == test.x && of_call.w < test.y);
    return Named(any, below(among, of_call.y, of_call.z));
}

// Fewer than 1/4 expected.
fn scarce(source: Source, first: u32, trials: u32, p: Bits) -> u32 {
    var left = trials;
    var successes = 0u;
    var call = 0u;
    while call < MOST_SCARCE {
        tick();
        let found = named(source, call, first, left, p);
        call += 1u;
        if !found.any {
            break;
        }
        var before = found.place;
        var preceded = false;
        while before > 0u && call < MOST_SCARCE {
            tick();
            let earlier = named(source, call, first, before, p);
            call += 1u;
            if !earlier.any {
                break;
            }
            before = earlier.place;
            preceded = !preceded;
        }
        if preceded {
            break;
        }
        successes += 1u;
        left -= 1u + found.place;
        if left == 0u {
            break;
        }
    }
    return successes;
}

// Trials that are decided four bits at a time.
fn plenty(source: Source, trials: u32, p: Bits) -> u32 {
    var zeros = p.zeros;
    var rest = p.significant << 8u;
    var undecided = trials;
    var successes = 0u;
    var stage = 0u;
    while undecided > FEW && (zeros > 0u || rest != 0u) {
        tick();
        if zeros > 0u {
            let taken = min(zeros, MOST_ZEROS);
            undecided = by_digits(source, stage, taken, undecided, 0u);
            zeros -= taken;
        } else {
            let fifteenths = rest >> 28u;
            let left = fifteenths > 7u;
            let law = MOST_ZEROS + select(fifteenths, 15u - fifteenths, left);
            let equal = by_digits(source, stage, EQUAL, undecided, 0u);
            let decided = undecided - equal;
            var drawn = 0u;
            if law > MOST_ZEROS {
                drawn = by_digits(source, stage, law, decided, select(8u, 2u, undecided < 256u));
            }
            successes += select(drawn, decided - drawn, left);
            undecided = equal;
            rest <<= 4u;
        }
        stage += 1u;
    }
    // A bit for each trial.
    var bits = 0u;
    var have = 0u;
    var word = 0u;
    var of_call = vec4<u32>(0u);
    while undecided > 0u && (zeros > 0u || rest != 0u) {
        tick();
        if have < undecided {
            if word % 4u == 0u {
                of_call = call_of(source, FEW_CALL + word / 4u);
            }
            bits = of_call[word % 4u];
            have = 32u;
            word += 1u;
        }
        // The trials whose next bit is 0.
        let falls = countOneBits(bits & ((1u << undecided) - 1u));
        bits >>= undecided;
        have -= undecided;
        if zeros > 0u {
            undecided = falls;
            zeros -= 1u;
        } else {
            let one = (rest >> 31u) == 1u;
            successes += select(0u, falls, one);
            undecided = select(falls, undecided - falls, one);
            rest <<= 1u;
        }
    }
    return successes;
}

// First words of an event of a class.
fn first_word(source: Source, kind: u32, k: u32) -> u32 {
    var of_class = source;
    of_class.event = FIRST_WORDS + FIRST_WORDS_EACH * kind + k / 4u;
    return call_of(of_class, 0u)[k % 4u];
}

// Of the trials, those that an event of a class meets: p is its probability, q what that lacks of 1. Whole numbers.
fn count_met(source: Source, kind: u32, k: u32, trials: f32, p: f32, q: f32) -> f32 {
    let n = u32(trials);
    var of_event = source;
    of_event.event = kind * MAX_CLASSES + k;
    let first = first_word(source, kind, k);
    let few = p <= 0.5;
    let met = f32(binomial(of_event, first, n, select(q, p, few)));
    return select(trials - met, met, few);
}
