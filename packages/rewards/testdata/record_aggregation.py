"""Both aggregations by NumPy, as TRL 1.0's GRPOTrainer computes them; writes aggregation.json beside this file.

    python record_aggregation.py        # numpy 2
"""
import json, pathlib
import numpy as np

EPS = 1e-4


def normalize_then_sum(terms, weights, group):
    total = np.zeros(terms.shape[1])
    for scores, weight in zip(terms, weights):
        for start in range(0, len(scores), group):
            part = scores[start:start + group]
            known = ~np.isnan(part)
            if known.sum() == 0:
                continue
            mean = np.nanmean(part)
            std = np.nanstd(part, ddof=1) if known.sum() > 1 else 0.0
            value = (part - mean) / (std + EPS)
            total[start:start + group] += np.where(known, weight * value, 0.0)
    return total


def sum_then_normalize(terms, weights, group):
    return np.nansum(terms * np.asarray(weights)[:, None], axis=0)


rng = np.random.default_rng(20)
cases = []
for count, group, names in [(8, 4, 3), (6, 6, 2), (4, 2, 1), (12, 3, 4)]:
    terms = rng.normal(0, 3, (names, count)).round(4)
    terms[-1, :group] = 0.25  # constant in its first group
    if names > 1:
        terms[0, rng.integers(0, count, 2)] = np.nan
        terms[1, count - group:] = np.nan  # applies to no row of the last group
    weights = rng.normal(0, 1, names).round(3).tolist()
    as_list = [[None if np.isnan(x) else x for x in row] for row in terms.tolist()]
    cases.append(dict(group=group, weights=weights, terms=as_list,
                      sum_then_normalize=sum_then_normalize(terms, weights, group).tolist(),
                      normalize_then_sum=normalize_then_sum(terms, weights, group).tolist()))
out = pathlib.Path(__file__).with_name("aggregation.json")
out.write_text(json.dumps(dict(program="record_aggregation.py", numpy=np.__version__, cases=cases), indent=1) + "\n")
