{{/*
Configuration of a service, as its --config file: what the values say, and over it what the chart decides.
. is a dict of root and service.
*/}}
{{- define "decorum.config" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $service := index $values .service -}}
{{- $host := $values.listenHost -}}
{{- $section := deepCopy $service.config -}}
{{- $own := dict
  "listen" (printf "%s:50051" $host)
  "health_listen" (printf "%s:50061" $host)
  "metrics_listen" (printf "%s:9464" $host)
  "reflection" $values.reflection
  "insecure" (eq $values.tls.mode "off")
  "trust_domain" $values.tls.trustDomain
  "allowed_folders" (ternary (list "/models" "/data") (list "/models") (eq .service "trainer"))
  "provider" (gt (int $service.gpus) 0 | ternary "cuda" "cpu")
  "threads" (include "decorum.threads" . | int) -}}
{{- $tls := dict "cert" "/etc/decorum-tls/tls.crt" "key" "/etc/decorum-tls/tls.key" "ca" "/etc/decorum-tls/ca.crt" -}}
{{- if ne $values.tls.mode "off" -}}
{{- $_ := set $own "tls" $tls -}}
{{- if has .service (list "evaluator" "trainer") -}}
{{- $_ := set $own "client_tls" $tls -}}
{{- end -}}
{{- end -}}
{{- if $service.tokensSecret -}}
{{- $_ := set $own "tokens" "/etc/decorum-tokens/tokens" -}}
{{- end -}}
{{- if dig "http" "enabled" false $service -}}
{{- $_ := set $own "http_listen" (printf "%s:8080" $host) -}}
{{- end -}}
{{- if include "decorum.uiTokens" . -}}
{{- $_ := set $own "ui_listen" (printf "%s:8080" $host) -}}
{{- $_ := set $own "ui_tokens" "/etc/decorum-ui-tokens/tokens" -}}
{{- $_ := set $own "ui_names" (concat (get $section "ui_names" | default list) (include "decorum.hosts" . | fromJsonArray)) -}}
{{- end -}}
{{- if has .service (list "evaluator" "trainer") -}}
{{- $_ := set $own "policy" (list (include "decorum.address" (dict "root" $root "service" "policy"))) -}}
{{- end -}}
{{- if eq .service "trainer" -}}
{{- $_ := set $own "reward" (include "decorum.address" (dict "root" $root "service" "reward")) -}}
{{- $_ := set $own "evaluator" (include "decorum.address" (dict "root" $root "service" "evaluator")) -}}
{{- $_ := set $own "runs" "/runs" -}}
{{- $_ := set $own "run" $values.trainer.run -}}
{{- if gt (int $values.learner.replicas) 0 -}}
{{- $_ := set $own "learners" (list (include "decorum.address" (dict "root" $root "service" "learner"))) -}}
{{- end -}}
{{- end -}}
{{- $section = merge $own $section -}}
{{- $sections := dict .service $section "telemetry" $values.telemetry -}}
{{- if has .service (list "policy" "learner" "trainer") -}}
{{- $_ := set $sections "model" $values.model -}}
{{- end -}}
{{- toYaml $sections -}}
{{- end -}}
