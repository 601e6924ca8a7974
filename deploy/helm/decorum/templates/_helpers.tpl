{{- define "decorum.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $made := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $made .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The services that exist; without a run there is no trainer and no learner. */}}
{{- define "decorum.services" -}}
{{- $all := list "policy" "reward" "evaluator" -}}
{{- if .Values.trainer.run -}}
{{- $all = concat $all (gt (int .Values.learner.replicas) 0 | ternary (list "learner" "trainer") (list "trainer")) -}}
{{- end -}}
{{- toJson $all -}}
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

{{/* The names of a service in the cluster, as JSON. */}}
{{- define "decorum.hosts" -}}
{{- $name := include "decorum.name" . -}}
{{- list $name (printf "%s.%s.svc" $name .root.Release.Namespace) | toJson -}}
{{- end -}}

{{/* Where a service is called. */}}
{{- define "decorum.address" -}}
{{ include "decorum.hosts" . | fromJsonArray | last }}:50051
{{- end -}}

{{/* Not empty where a service has a port for HTTP too. */}}
{{- define "decorum.http" -}}
{{- $service := index .root.Values .service -}}
{{- or (dig "http" "enabled" false $service) (dig "ui" "enabled" false $service) | ternary "yes" "" -}}
{{- end -}}

{{/* The Secret with the tokens of the page of runs; empty where the service has no page. */}}
{{- define "decorum.uiTokens" -}}
{{- $ui := get (index .root.Values .service) "ui" | default dict -}}
{{- if get $ui "enabled" }}{{ $ui.tokensSecret }}{{ end -}}
{{- end -}}

{{- define "decorum.tlsSecret" -}}
{{- default (printf "%s-tls" (include "decorum.name" .)) (index .root.Values.tls.secrets .service) -}}
{{- end -}}

{{/*
Threads of a service: those of its configuration, else its whole CPUs, at least 1. A learner has the trainer's: another
number gives other bits.
*/}}
{{- define "decorum.threads" -}}
{{- $service := index .root.Values (eq .service "learner" | ternary "trainer" .service) -}}
{{- $cpu := dig "limits" "cpu" $service.resources.requests.cpu $service.resources | toString -}}
{{- $whole := hasSuffix "m" $cpu | ternary (divf (trimSuffix "m" $cpu | float64) 1000.0) ($cpu | float64) | floor | int -}}
{{- get $service.config "threads" | default (max 1 $whole) -}}
{{- end -}}

{{/* Seconds from SIGTERM to SIGKILL: the drain's delay and grace, and some for the end. */}}
{{- define "decorum.graceSeconds" -}}
{{- $config := (index .root.Values .service).config -}}
{{- add 15 (ceil (get $config "drain_delay_s" | default 0)) (ceil (hasKey $config "drain_grace_s" | ternary (get $config "drain_grace_s") 30)) -}}
{{- end -}}
