{{/* The Job's spec of a trainer that computes itself. . is the root. */}}
{{- define "decorum.trainerJob" -}}
{{ include "decorum.jobSpec" (dict "root" . "service" "trainer" "pods" 1) }}
{{- end -}}

{{/*
The spec of trainer and learners together. Nothing orders their start: with dependsOn Kueue would admit all pods at once
and JobSet hold some back. Callers wait by themselves. . is the root.
*/}}
{{- define "decorum.setSpec" -}}
network:
  enableDNSHostnames: true
  publishNotReadyAddresses: true
  subdomain: {{ include "decorum.name" (dict "root" . "service" "learner") }}
# Learners have no end of their own.
successPolicy:
  operator: All
  targetReplicatedJobs: [trainer]
failurePolicy:
  # What can be tried again was tried by the Jobs; the set is not started a second time.
  maxRestarts: 0
  rules:
    - name: wrong_settings
      action: FailJobSet
      onJobFailureReasons: [PodFailurePolicy]
    - name: too_many_failures
      action: FailJobSet
      onJobFailureReasons: [BackoffLimitExceeded, DeadlineExceeded]
replicatedJobs:
  - name: trainer
    replicas: 1
    template:
      spec:
        completionMode: Indexed
        {{- include "decorum.jobSpec" (dict "root" . "service" "trainer" "pods" 1 "inSet" true) | nindent 8 }}
  - name: learners
    replicas: 1
    template:
      spec:
        completionMode: Indexed
        {{- include "decorum.jobSpec" (dict "root" . "service" "learner" "pods" (int .Values.learner.replicas) "inSet" true) | nindent 8 }}
{{- end -}}

{{/* The spec of a Job. . is a dict of root, service, pods, and inSet where it is part of a JobSet. */}}
{{- define "decorum.jobSpec" -}}
{{- $service := index .root.Values .service -}}
completions: {{ .pods }}
parallelism: {{ .pods }}
backoffLimit: {{ $service.backoffLimit }}
podReplacementPolicy: Failed
{{- with get $service "activeDeadlineSeconds" }}
activeDeadlineSeconds: {{ . }}
{{- end }}
podFailurePolicy:
  rules:
    # Wrong settings stay wrong.
    - action: FailJob
      onExitCodes:
        containerName: {{ .service }}
        operator: In
        values: [2]
    # Told to end before the run's end: preempted, drained, evicted. Another pod continues.
    - action: Ignore
      onExitCodes:
        containerName: {{ .service }}
        operator: In
        values: [75]
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
template:
  {{- include "decorum.podTemplate" (merge (dict "restartPolicy" "Never") .) | nindent 2 }}
{{- end -}}

{{/* Where Kueue places the pods of a set: trainer and learners in one domain. . is the root. */}}
{{- define "decorum.topology" -}}
{{- $topology := .Values.trainer.kueue.topology -}}
{{- range $kind := list "required" "preferred" -}}
{{- with get $topology $kind }}
kueue.x-k8s.io/podset-{{ $kind }}-topology: {{ . }}
kueue.x-k8s.io/podset-group-name: run
{{- end }}
{{- end -}}
{{- end -}}
