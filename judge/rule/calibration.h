/* SPDX-License-Identifier: Apache-2.0
 *
 * calibration.h: calibrations on record, one JSON file per run of `judge calibrate` in
 * $XDG_STATE_HOME/pawl/calibration, named <machine>-<judge>-<date>.json by twelve digits of the
 * digests of the machine's fingerprint and of the judge. While a run is under way its experiments
 * are in a .partial file, which nobody reads as a calibration. Inside judge/ only. */
#ifndef PAWL_CALIBRATION_H
#define PAWL_CALIBRATION_H

#include "judge/judge.h"
#include "judge/rule/noise.h"

#include <limits.h>

/* The file of a calibration of this judge on this machine that began at `date`
 * (YYYYMMDDTHHMMSSZ); its folder is made. Error: ERR_IO. */
int calibration_path(const char *date, char out[PATH_MAX]);

/* Write the whole object; readers see all of it or nothing. Error: ERR_IO. */
int calibration_save(const char *path, const json_t *all);

/* The newest whole calibration of this machine, by this judge or (`any_judge`) by whichever: 1 with
 * a new reference and its path, or 0. Error: ERR_FORMAT for a file that does not read. */
int calibration_newest(bool any_judge, json_t **out, char path[PATH_MAX]);

/* Units of the experiments without an effect in a calibration. 1, or 0 when it has none; the caller
 * calls noise_record_deinit. Error: ERR_FORMAT, ERR_NOMEM. */
int calibration_units(const json_t *all, struct noise_record *out);

/* "identical", "re-linked", ... */
const char *calibration_kind_name(enum judge_control_kind k);

#endif
