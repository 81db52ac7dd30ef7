"""Columns of the saved tables; a number that can't be computed is null."""

import math
from collections.abc import Mapping

import polars as pl

from temshift.vocabulary.parameters import CANONICAL, DEFAULTS

CONDITION_COLUMNS = tuple(row.key for row in CANONICAL)
# Fields whose columns tables of earlier versions lack.
_LATER = (
    *("transfer_exponent", "scattering_share", "counting_frames", "illumination_sd", "gain_residue_sd", "dead_pixels"),
    *("hot_pixels", "hot_pixel_level", "xray_hits", "xray_counts", "camera_number"),
)
LATER_COLUMNS: Mapping[str, float | None] = {  # by key, and what fills it: the number of a field that is left out
    row.key: DEFAULTS[row.field] / row.factor if math.isfinite(DEFAULTS[row.field]) else None
    for row in CANONICAL
    if row.field in _LATER
}
LATER_SCORES = (  # lacking, too
    *("cross_entropy_softmax_twice", "stability_cross_entropy", "stability_softmax_twice", "missed", "invented"),
    *("training_specimens", "test_specimens", "g_ood_condition", "g_ood_specimens", "g_ood_interaction"),
)

# Scores of one network under one test condition.
SCORES = {
    "score_id": pl.String,
    "network_id": pl.String,
    "test_id": pl.String,
    "cross_entropy": pl.Float64,
    "cross_entropy_sd": pl.Float64,
    "f1": pl.Float64,
    "f1_sd": pl.Float64,
    "iou": pl.Float64,
    "iou_sd": pl.Float64,
    "accuracy": pl.Float64,
    "calibration_error": pl.Float64,
    "calibration_error_sd": pl.Float64,
    "images": pl.Int64,
    "empty_masks": pl.Int64,
    "cross_entropy_softmax_twice": pl.Float64,
    "missed": pl.Float64,
    "invented": pl.Float64,
}

# Conditions that networks are scored under; settings are centres, in the units of the study file. "listed" are those
# that a study names, the others are training distributions, for scores in distribution; "source_id" stands for
# specimens and camera.
TESTS = {
    "test_id": pl.String,
    "test_name": pl.String,
    "test_specimens": pl.String,
    "listed": pl.Boolean,
    "conditions_id": pl.String,
    "source_id": pl.String,
    **{f"test_{name}": pl.Float64 for name in CONDITION_COLUMNS},
}

# One row a network x test condition. Centres and standard deviations of what networks were trained on; "g_id" is the
# cross-entropy on new specimens in distribution minus that on images of the training, "g_ood" that under the test
# condition minus that in distribution. In a study with sets of specimens it is the sum of what the condition costs on
# the network's own specimens, what the specimens cost under its own conditions, and an interaction. "stability" is the
# standard deviation of a network's loss over the test conditions that differ from this one in defocus alone, those in
# focus left out. "in_study" says whether the study asks for it as it is now. Columns with a dot, such as
# training.learning_rate, follow: the settings of network and training, lists as JSON.
RESULTS = {
    **SCORES,
    "training_name": pl.String,
    "training_specimens": pl.String,
    "seed": pl.Int64,
    "test_name": pl.String,
    "test_specimens": pl.String,
    "in_study": pl.Boolean,
    "training_cross_entropy": pl.Float64,
    "in_distribution_cross_entropy": pl.Float64,
    "g_id": pl.Float64,
    "g_ood": pl.Float64,
    "g_ood_condition": pl.Float64,
    "g_ood_specimens": pl.Float64,
    "g_ood_interaction": pl.Float64,
    "stability_cross_entropy": pl.Float64,
    "stability_softmax_twice": pl.Float64,
    **{f"training_{name}": pl.Float64 for name in CONDITION_COLUMNS},
    "training_defocus_sd_nm": pl.Float64,
    **{f"test_{name}": pl.Float64 for name in CONDITION_COLUMNS},
}

# One row a training x test distribution, from micrographs of specimens that no network is scored on.
IMAGE_FEATURES = {
    "training_name": pl.String,
    "test_name": pl.String,
    "distance_image": pl.Float64,
    "distance_image_error": pl.Float64,
    "distance_image_chance": pl.Float64,
    **{
        f"probe_{rule}_{number}": pl.Float64
        for rule in ("linear", "forest", "both")
        for number in ("cross_entropy", "ln_error", "f1")
    },
}

# What observers that are fitted to one training distribution score under a test distribution, which "conditions_id"
# names by its content.
OBSERVED = {
    "conditions_id": pl.String,
    **{
        f"observer_{rule}_{number}": pl.Float64
        for rule in ("linear", "forest", "both")
        for number in ("cross_entropy", "ln_error", "f1")
    },
}

# One row a training x test distribution. "distance" is d, "sigma" exp(-d), "distance_log_aperture" the form that d had
# in version 3 of the metrics. "observer_linear_f1" and the like are what an observer expects, "ln_error" the
# standard error of its ln(cross-entropy); scores are means over seeds, of ln(cross-entropy) and of F1. "left_out_test"
# and the like are predictions by a model that was fitted without the test condition, "lower" and "upper" the ends of
# their intervals, also without it.
METRICS = {
    "training_name": pl.String,
    "test_name": pl.String,
    "epsilon_training": pl.Float64,
    "epsilon_test": pl.Float64,
    "epsilon_test_error": pl.Float64,
    "sigma": pl.Float64,
    "distance": pl.Float64,
    "distance_log_aperture": pl.Float64,
    **{name: kind for name, kind in IMAGE_FEATURES.items() if kind is pl.Float64},
    "defocus_difference_nm": pl.Float64,
    **{name: kind for name, kind in OBSERVED.items() if name != "conditions_id"},
    "ln_cross_entropy": pl.Float64,
    "ln_cross_entropy_sd": pl.Float64,
    "predicted_ln_cross_entropy": pl.Float64,
    "left_out_test_prediction": pl.Float64,
    "left_out_test_lower": pl.Float64,
    "left_out_test_upper": pl.Float64,
    "left_out_training_prediction": pl.Float64,
    "left_out_both_prediction": pl.Float64,
    "f1": pl.Float64,
    "predicted_f1": pl.Float64,
    "left_out_test_f1": pl.Float64,
    "left_out_test_f1_lower": pl.Float64,
    "left_out_test_f1_upper": pl.Float64,
    "left_out_training_f1": pl.Float64,
}

# Further columns of these pairs in a study with sets of specimens: the sets, what is known of each, the ideal observer,
# and predictions by models that were fitted without the set that is tested on, the set of the training, or both.
SET_COVARIATES = {
    "crystal": pl.String,
    "particle_radius_nm": pl.Float64,
    "film_thickness_nm": pl.Float64,
    "particle_share": pl.Float64,
}
OBSERVED_IDEAL = {f"observer_ideal_{number}": pl.Float64 for number in ("cross_entropy", "ln_error", "f1")}
SET_METRICS = {
    **{f"{role}_specimens": pl.String for role in ("training", "test")},
    **{f"{role}_{name}": kind for role in ("training", "test") for name, kind in SET_COVARIATES.items()},
    **OBSERVED_IDEAL,
    **{
        f"left_out_{role}_set_{number}": pl.Float64
        for role in ("test", "training", "both")
        for number in ("prediction", "lower", "upper")
    },
}

# One row a distribution x spatial frequency; "information_bits" is the integrand of epsilon, null where not known.
TRANSFER = {
    "role": pl.String,
    "name": pl.String,
    "q_per_A": pl.Float64,
    "particle_transfer": pl.Float64,
    "substrate_transfer": pl.Float64,
    "particle_transfer_rms": pl.Float64,
    "envelope": pl.Float64,
    "information_bits": pl.Float64,
}

# One row a particle of a library; "power_rad2_A2" has a number for each ring of spatial frequencies.
INSTANCES = {
    "area_A2": pl.Float64(),
    "particle_height_A": pl.Float64(),
    "thickness_A": pl.Float64(),
    "substrate_height_A": pl.Float64(),
    "power_rad2_A2": pl.List(pl.Float32()),
    "amplitude_power_rad2_A2": pl.List(pl.Float32()),
    "cross_power_rad2_A2": pl.List(pl.Float32()),
}

# One row an image of an image set; "file" and "mask_file" are relative to its folder.
IMAGES = {
    "file": pl.String,
    "mask_file": pl.String,
    "set": pl.String,
    "condition": pl.String,
    "specimen": pl.Int64,
    "image": pl.Int64,
    "number": pl.Int64,
    **dict.fromkeys(CONDITION_COLUMNS, pl.Float64),
    "seed": pl.Int64,
    "counts_mean": pl.Float64,
    "counts_sd": pl.Float64,
    "particles": pl.Int64,
    "coverage_mean": pl.Float64,
    "coverage_min": pl.Float64,
    "mask_fraction": pl.Float64,
    "focus_height_angstrom": pl.Float64,
}

# One row an epoch of a training: steps so far, learning rate of its last step, mean cross-entropy of its steps, and
# the cross-entropy of the validation images after it, null where there are none.
HISTORY = {
    "epoch": pl.Int64,
    "steps": pl.Int64,
    "learning_rate": pl.Float64,
    "cross_entropy": pl.Float64,
    "validation_cross_entropy": pl.Float64,
}

# Transfer functions of one condition along the azimuths where they differ most, one row a spatial frequency; those of
# a phase and of an amplitude are with all envelopes. "lowest" and "highest" go over all azimuths, "p10" and "p90"
# over draws of the conditions too, and are null where nothing is drawn.
TRANSFER_CURVES = {
    "condition": pl.String,
    "azimuth_deg": pl.Float64,
    "q_per_A": pl.Float64,
    "angle_mrad": pl.Float64,
    "phase_transfer": pl.Float64,
    "amplitude_transfer": pl.Float64,
    "aperture": pl.Float64,
    "temporal": pl.Float64,
    "spatial": pl.Float64,
    "motion": pl.Float64,
    "camera": pl.Float64,
    "envelope": pl.Float64,
    "phase_transfer_lowest": pl.Float64,
    "phase_transfer_highest": pl.Float64,
    "phase_transfer_p10": pl.Float64,
    "phase_transfer_p90": pl.Float64,
    "quantum_efficiency": pl.Float64,
}

# One row a condition, at the centre of its distribution. Of limits that depend on the azimuth, the coarsest and the
# finest; "transfer_limit" is that of all envelopes together. "epsilon_bits" is the information that the condition
# transfers about the CdSe that comes with temshift, in bits a spatial frequency.
TRANSFER_LIMITS = {
    "condition": pl.String,
    "energy_kev": pl.Float64,
    "height_nm": pl.Float64,
    "defocus_nm": pl.Float64,
    "C30_mm": pl.Float64,
    "focal_spread_sigma_nm": pl.Float64,
    "scherzer_defocus_nm": pl.Float64,
    "point_resolution_angstrom": pl.Float64,
    "finest_point_resolution_angstrom": pl.Float64,
    "information_limit_angstrom": pl.Float64,
    "finest_information_limit_angstrom": pl.Float64,
    "transfer_limit_angstrom": pl.Float64,
    "finest_transfer_limit_angstrom": pl.Float64,
    "aperture_angstrom": pl.Float64,
    "nyquist_angstrom": pl.Float64,
    "dose_e_per_A2": pl.Float64,
    "epsilon_bits": pl.Float64,
}


def with_later_columns(table: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of conditions that a table of an earlier version lacks, as if their keys had been left out.

    Parameters
    ----------
    table : polars.DataFrame
        With ``test_defocus_nm`` or ``training_defocus_nm``, or both.

    Returns
    -------
    polars.DataFrame
        With all of :data:`LATER_COLUMNS` for each of them; rows without that defocus, whose conditions are not known,
        have none of them.

    Examples
    --------
    >>> with_later_columns(pl.DataFrame({"test_defocus_nm": [5.0, None]}))["test_dead_pixels_ppm"].to_list()
    [0.0, None]
    """
    lacking = [
        pl.when(pl.col(f"{role}_defocus_nm").is_not_null()).then(pl.lit(absent, pl.Float64)).alias(f"{role}_{key}")
        for role in ("training", "test")
        if f"{role}_defocus_nm" in table.columns
        for key, absent in LATER_COLUMNS.items()
        if f"{role}_{key}" not in table.columns
    ]
    return table.with_columns(lacking)
