/* SPDX-License-Identifier: Apache-2.0
 *
 * rule.h: the constants of the judge's decision rule, sealed, each with its reason. Effects are
 * natural logarithms of time ratios (0.01 is about 1 %). A changed number here is a changed judge:
 * the hash of this file is part of the judge hash. tests/judge/test_decide.c simulates what is
 * claimed below; `judge simulate` does it at length. decide.h has the mathematics. */
#ifndef PAWL_RULE_H
#define PAWL_RULE_H

/* First stage accepts at E >= 1/alpha. By Ville's inequality a change that gains nothing is
 * accepted with probability <= alpha, however long one looks. */
#define RULE_ALPHA 1e-3

/* Confirmation accepts at 1/alpha_confirm on fresh evidence; a false win needs both: 1e-5. */
#define RULE_ALPHA_CONFIRM 1e-2

/* Giving up is cheap to get wrong (a good idea can be tried again), hence 1 in 20 and not 1 in
 * 1000. */
#define RULE_BETA 0.05

/* The smallest gain worth a commit. Below it a change of code layout that 64 drawn layouts happened
 * not to average out could pass for a gain. The margin of a trial is max(this, half the calibrated
 * minimum detectable effect); without a calibration on record it is this. */
#define RULE_MARGIN_MIN 0.003

/* A trial is given up when it is shown not to gain margin + this: neutral changes then end in about
 * a dozen units instead of running to the cap. */
#define RULE_GIVE_UP_ABOVE 0.01

/* Units per stage, over all trials of the same code. At 240 a D of 1.5 % standard deviation has
 * been measured to 0.1 %: what is still open then is too small to matter. */
#define RULE_CAP_UNITS 240

/* Shares of the capital that are staked on each unit; E is the mean over these. The largest decides
 * clear effects in about a dozen units, the smallest serves effects of a quarter of the noise.
 * Never all of it: one unlucky unit would end the game. */
#define RULE_N_BETS 4
#define RULE_BETS   0.9, 0.5, 0.25, 0.125

/* A case counts as harmed when it is shown to be slower than this; smaller harm is the price of a
 * gain elsewhere. Evidence of 20 x the number of cases keeps all cases together at 5 % (union
 * bound). */
#define RULE_VETO_EFFECT   0.01
#define RULE_VETO_EVIDENCE 20.0

/* A win also needs every case shown above this, by so many standard errors of its mean or of the
 * count of its units on either side, on at least so many units: with it a case at -5 % does not pass
 * unseen even where the veto has not gathered its evidence yet. The mean alone was not enough: a few
 * bursts of a neighbour kept gains of a third open to the cap. */
#define RULE_CASE_FLOOR        (-0.025)
#define RULE_CASE_SIGMAS       2.0
#define RULE_CASE_COUNT_SIGMAS 2.5
#define RULE_CASE_MIN_UNITS    8

/* Confirmation: slices of the candidate slower than (1 + this) x the incumbent's 99th percentile
 * may not be more than 1 % of its slices and, beyond chance (2 standard deviations of the counts),
 * more than the incumbent's own. */
#define RULE_TAIL_EXCESS   0.05
#define RULE_TAIL_QUANTILE 0.99
#define RULE_TAIL_SIGMAS   2.0

/* A machine is unfit when the robust standard deviation (1.4826 x median absolute deviation) of D
 * over units passes this: an effect needs about a third of it to be seen within the cap, so past
 * 0.15 a 4 % gain would be invisible. Noise makes no evidence false, only slow; so whatever is
 * large enough to be decided in the first thirty units may be. */
#define RULE_NOISE_LIMIT     0.15
#define RULE_NOISE_MIN_UNITS 30

/* Time of processors taken by the host's other guests, or by other processes, that is worth a word
 * to the user. */
#define RULE_STEAL_MENTION     0.05
#define RULE_DISTURBED_MENTION 0.05

/* Peaks: with 512-bit VNNI, int8 : f32 operations are 4 : 1 by construction (64
 * multiply-accumulates against 16 on the same ports); 5 % is clock drift between the two loops. */
#define RULE_PEAK_RATIO           4.0
#define RULE_PEAK_RATIO_TOLERANCE 0.05

/* Bandwidth may not grow from a level to a slower one by more than this: the inner levels are
 * measured with short loops whose overhead is seen, the outer ones with long. */
#define RULE_PEAK_ORDER_TOLERANCE 0.10

/* All threads together are at least this part of one thread (two hyper-threads of one core share
 * it). */
#define RULE_PEAK_THREADS_MIN 0.80

/* A case faster than its bytes at L2 bandwidth, or than the instruction peak by this factor, was
 * not computed: CHEAT. */
#define RULE_CHEAT_PEAK_FACTOR 1.20

/* Peaks that contradict themselves, or a case that is faster than its floor: the peaks are measured
 * so many times more before there is a verdict. A neighbour can hold one of them down for seconds. */
#define RULE_PEAK_TRIES 4

/* A case this much faster than its floor, but not a cheat: UNFIT_MACHINE. The slack is for virtual
 * machines, where a pool may live in a host cache that the DRAM loop, with a larger set, does not
 * enjoy. */
#define RULE_FLOOR_SLACK 1.25

#endif
