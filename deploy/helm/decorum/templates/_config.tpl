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
{{- $_ := merge $section (dict "threads" (include "decorum.cpus" . | int)) -}}
{{- $own := dict
  "listen" (printf "%s:50051" $host)
  "health_listen" (printf "%s:50061" $host)
  "metrics_listen" (printf "%s:9464" $host)
  "reflection" $values.reflection
  "insecure" (eq $values.tls.mode "off")
  "trust_domain" $values.tls.trustDomain
  "allowed_folders" (ternary (list "/models" "/data") (list "/models") (eq .service "trainer"))
  "provider" (gt (int $service.gpus) 0 | ternary "cuda" "cpu") -}}
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
{{- if has .service (list "evaluator" "trainer") -}}
{{- $_ := set $own "policy" (list (include "decorum.address" (dict "root" $root "service" "policy"))) -}}
{{- end -}}
{{- if eq .service "trainer" -}}
{{- $_ := set $own "reward" (include "decorum.address" (dict "root" $root "service" "reward")) -}}
{{- $_ := set $own "evaluator" (include "decorum.address" (dict "root" $root "service" "evaluator")) -}}
{{- $_ := set $own "runs" "/runs" -}}
{{- $_ := set $own "run" $values.trainer.run -}}
{{- end -}}
{{- $section = merge $own $section -}}
{{- $sections := dict .service $section "telemetry" $values.telemetry -}}
{{- if has .service (list "policy" "trainer") -}}
{{- $_ := set $sections "model" $values.model -}}
{{- end -}}
{{- toYaml $sections -}}
{{- end -}}
