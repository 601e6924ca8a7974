"""Checks Kubernetes manifests against the schemas of Kubernetes and of the operators whose resources the chart uses.

Reads YAML documents on standard input; prints {"checked": {kind: count}, "problems": [...]}.
"""

import functools
import json
import sys

import kubernetes_validate
import yaml
from cloudcoil.models.cert_manager import v1 as cert_manager
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as prometheus
from kubeflow_trainer_api.models.jobset_v1alpha2_job_set import JobsetV1alpha2JobSet

VERSION = "1.35"
# It reads megabytes of schemas for each manifest, always the same.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
MODELS = {
    ("cert-manager.io/v1", "Certificate"): cert_manager.Certificate,
    ("jobset.x-k8s.io/v1alpha2", "JobSet"): JobsetV1alpha2JobSet,
    ("keda.sh/v1alpha1", "ScaledObject"): keda.ScaledObject,
    ("monitoring.coreos.com/v1", "ServiceMonitor"): prometheus.ServiceMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): prometheus.PrometheusRule,
}


def lost(before, after, at=""):
    """Paths of fields that a model does not know: those it gives back no more."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{at}.{key}")
            else:
                yield f"{at}.{key}"
    elif isinstance(before, list) and isinstance(after, list):
        for i, (a, b) in enumerate(zip(before, after)):
            yield from lost(a, b, f"{at}[{i}]")


def without_quantities(value, key=""):
    """JobSet's models take quantities for objects without fields. As parts of Jobs they are checked all the same."""
    if key in ("requests", "limits"):
        return {name: {} for name in value}
    if key == "sizeLimit":
        return {}
    if isinstance(value, dict):
        return {name: without_quantities(inner, name) for name, inner in value.items()}
    return [without_quantities(inner) for inner in value] if isinstance(value, list) else value


def problems_of(manifest):
    model = MODELS.get((manifest["apiVersion"], manifest["kind"]))
    if model is None:
        try:
            kubernetes_validate.validate(manifest, VERSION, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{'.'.join(map(str, error.path))}: {error.message}"
        except Exception as error:  # a kind or version that the schemas do not have
            yield str(error)
        return
    if model is JobsetV1alpha2JobSet:
        manifest = without_quantities(manifest)
    try:
        read = model.model_validate(manifest).model_dump(mode="json", by_alias=True, exclude_unset=True)
    except ValueError as error:
        yield str(error)
        return
    for path in lost(manifest, read):
        yield f"{path} is unknown"


checked, problems = {}, []
for manifest in yaml.load_all(sys.stdin, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    if manifest is None:
        continue
    kind = manifest["kind"]
    checked[kind] = checked.get(kind, 0) + 1
    name = f"{kind} {manifest['metadata']['name']}"
    problems += [f"{name}: {problem}" for problem in problems_of(manifest)]
print(json.dumps({"checked": checked, "problems": problems}))
