/* SPDX-License-Identifier: Apache-2.0
 *
 * interval.h: standard errors out of the ledger's 95 % intervals, and back. Those are Student's;
 * taken for normal ones they give a standard error that is a little too large. For ratchet/ only. */
#ifndef PAWL_RATCHET_INTERVAL_H
#define PAWL_RATCHET_INTERVAL_H

/* Half of a normal 95 % interval, in standard errors. */
static inline double interval_reach(double se)
{
    return 1.959964 * se;
}

/* Standard error of an estimate whose interval is low .. high. */
static inline double interval_se(double low, double high)
{
    return (high - low) / interval_reach(2);
}

#endif
