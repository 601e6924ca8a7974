{{- define "decorum.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $made := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $made .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The services that exist; without a run there is no trainer. */}}
{{- define "decorum.services" -}}
{{- concat (list "policy" "reward" "evaluator") (.Values.trainer.run | empty | ternary (list) (list "trainer")) | toJson -}}
{{- end -}}

{{/* In the helpers below, . is a dict of root and service. */}}

{{- define "decorum.name" -}}
{{ include "decorum.fullname" .root }}-{{ .service }}
{{- end -}}

{{- define "decorum.selectorLabels" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- with .service }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "decorum.labels" -}}
{{ include "decorum.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: decorum
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{- define "decorum.image" -}}
{{- $image := .root.Values.image -}}
{{- $gpu := gt (int (index .root.Values .service).gpus) 0 -}}
{{- $tag := default (printf "%s-%s" .root.Chart.AppVersion (ternary "cuda" "cpu" $gpu)) $image.tag -}}
{{- $digest := ternary $image.cudaDigest $image.digest $gpu -}}
{{- printf "%s:%s" $image.repository $tag }}{{ with $digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* Where a service is called. */}}
{{- define "decorum.address" -}}
{{ include "decorum.name" . }}.{{ .root.Release.Namespace }}.svc:50051
{{- end -}}

{{- define "decorum.tlsSecret" -}}
{{- default (printf "%s-tls" (include "decorum.name" .)) (index .root.Values.tls.secrets .service) -}}
{{- end -}}

{{/* Whole CPUs that a service may use, at least 1. */}}
{{- define "decorum.cpus" -}}
{{- $resources := (index .root.Values .service).resources -}}
{{- $cpu := dig "limits" "cpu" $resources.requests.cpu $resources | toString -}}
{{- $whole := hasSuffix "m" $cpu | ternary (divf (trimSuffix "m" $cpu | float64) 1000.0) ($cpu | float64) | floor | int -}}
{{- max 1 $whole -}}
{{- end -}}

{{/* Seconds from SIGTERM to SIGKILL: the drain's delay and grace, and some for the end. */}}
{{- define "decorum.graceSeconds" -}}
{{- $config := (index .root.Values .service).config -}}
{{- add 15 (ceil (get $config "drain_delay_s" | default 0)) (ceil (hasKey $config "drain_grace_s" | ternary (get $config "drain_grace_s") 30)) -}}
{{- end -}}
