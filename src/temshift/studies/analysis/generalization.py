"""What a network loses away from its training distribution, and how much of it conditions and specimens make."""

import polars as pl

_LOSS = pl.col("cross_entropy")


def with_generalization(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the losses in and out of distribution to scores of networks.

    Parameters
    ----------
    rows : polars.DataFrame
        A row a network and test condition, its own training distribution among them: ``network_id``,
        ``cross_entropy``, ``training_cross_entropy``, hashes of the conditions (``conditions_id``,
        ``own_conditions_id``), of the specimens and imaging (``source_id``, ``own_source_id``), and the names of the
        sets of specimens (``training_specimens``, ``test_specimens``), which are null in a study without sets.

    Returns
    -------
    polars.DataFrame
        With ``in_distribution_cross_entropy``, the loss under the training distribution on new specimens of the
        network's own set; ``g_id`` and ``g_ood``, the excess of it over the loss on images of the training, and of
        ``cross_entropy`` over it. In a study with sets ``g_ood`` is the sum of ``g_ood_condition``, what the
        condition costs on the network's own specimens, ``g_ood_specimens``, what the specimens cost under its own
        conditions, and ``g_ood_interaction``. What is not known is null.
    """
    own_condition = pl.col("conditions_id") == pl.col("own_conditions_id")
    own_specimens = pl.col("source_id") == pl.col("own_source_id")
    rows = rows.with_columns(
        at_home=pl.when(own_condition & own_specimens).then(_LOSS).max().over("network_id"),
        moved=pl.when(own_condition).then(_LOSS).max().over("network_id", "source_id"),
        changed=pl.when(own_specimens).then(_LOSS).max().over("network_id", "conditions_id"),
    )
    one_set = pl.col("training_specimens").eq_missing(pl.col("test_specimens"))
    inside = pl.when(one_set).then("moved").otherwise("at_home")
    rows = rows.with_columns(inside.alias("in_distribution_cross_entropy"))
    in_sets = pl.when(pl.col("test_specimens").is_not_null() & pl.col("training_specimens").is_not_null())
    rows = rows.with_columns(
        g_id=pl.col("in_distribution_cross_entropy") - pl.col("training_cross_entropy"),
        g_ood=_LOSS - pl.col("in_distribution_cross_entropy"),
        g_ood_condition=in_sets.then(pl.col("changed") - pl.col("at_home")),
        g_ood_specimens=in_sets.then(pl.col("moved") - pl.col("at_home")),
    )
    interaction = pl.col("g_ood") - pl.col("g_ood_condition") - pl.col("g_ood_specimens")
    return rows.with_columns(g_ood_interaction=interaction).drop("at_home", "moved", "changed")
