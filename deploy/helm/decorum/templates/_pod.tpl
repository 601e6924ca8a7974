{{/*
Pod template of a service. . is a dict of root, service, restartPolicy where it is not Always, and inSet in a JobSet.
*/}}
{{- define "decorum.podTemplate" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $service := index $values .service -}}
{{- $config := include "decorum.config" . -}}
metadata:
  labels:
    {{- include "decorum.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/part-of: decorum
    {{- with $service.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ .service }}
    decorum/config: {{ sha256sum $config }}
    {{- if .inSet }}
    {{- with include "decorum.topology" $root | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- end }}
    {{- with $service.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "decorum.name" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ include "decorum.graceSeconds" . }}
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with $service.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $service.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $service.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $service.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $service.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $service.spreadOver }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "decorum.selectorLabels" $ | nindent 10 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- if or $values.models.download $values.models.sha256 }}
  initContainers:
    {{- if $values.models.download }}
    - name: download
      image: {{ include "decorum.image" . }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: [download, --config, /etc/decorum/config.yaml]
      env:
        - name: HF_HUB_CACHE
          value: /models/hub
        {{- with $values.models.endpoint }}
        - name: HF_ENDPOINT
          value: {{ . | quote }}
        {{- end }}
        {{- with $values.models.tokenSecret }}
        {{- if .name }}
        - name: HF_TOKEN
          valueFrom:
            secretKeyRef:
              name: {{ .name }}
              key: {{ .key }}
        {{- end }}
        {{- end }}
        {{- range $name, $value := $service.env }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      {{- include "decorum.initContainer" . | nindent 6 }}
    {{- end }}
    {{- if $values.models.sha256 }}
    - name: verify
      image: {{ include "decorum.image" . }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      command: [sha256sum, --check, --strict, /etc/decorum/models.sha256]
      workingDir: /models
      {{- include "decorum.initContainer" . | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .service }}
      image: {{ include "decorum.image" . }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: [serve, {{ .service }}, --config, /etc/decorum/config.yaml]
      env:
        - name: HF_HUB_CACHE
          value: /models/hub
        - name: HF_HUB_OFFLINE
          value: "1"
        {{- range $name, $value := $service.env }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      ports:
        - name: grpc
          containerPort: 50051
        - name: health
          containerPort: 50061
        - name: metrics
          containerPort: 9464
        {{- if include "decorum.http" . }}
        - name: http
          containerPort: 8080
        {{- end }}
      startupProbe:
        grpc:
          port: 50061
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: {{ divf $service.startupSeconds 5 | ceil }}
      readinessProbe:
        grpc:
          port: 50061
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      livenessProbe:
        grpc:
          port: 50061
        periodSeconds: 20
        timeoutSeconds: 10
        failureThreshold: 6
      resources:
        requests:
          {{- toYaml $service.resources.requests | nindent 10 }}
        limits:
          {{- toYaml $service.resources.limits | nindent 10 }}
          {{- if gt (int $service.gpus) 0 }}
          nvidia.com/gpu: {{ $service.gpus }}
          {{- end }}
      {{- include "decorum.containerSecurity" . | nindent 6 }}
      volumeMounts:
        - name: config
          mountPath: /etc/decorum
          readOnly: true
        - name: models
          mountPath: /models
          readOnly: true
        - name: tmp
          mountPath: /tmp
        {{- if ne $values.tls.mode "off" }}
        - name: tls
          mountPath: /etc/decorum-tls
          readOnly: true
        {{- end }}
        {{- if $service.tokensSecret }}
        - name: tokens
          mountPath: /etc/decorum-tokens
          readOnly: true
        {{- end }}
        {{- if include "decorum.uiTokens" . }}
        - name: ui-tokens
          mountPath: /etc/decorum-ui-tokens
          readOnly: true
        {{- end }}
        {{- if eq .service "trainer" }}
        - name: runs
          mountPath: /runs
        {{- if include "decorum.dataVolume" . }}
        - name: data
          mountPath: /data
          readOnly: true
        {{- end }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "decorum.name" . }}
    - name: models
      {{- if $values.models.existingClaim }}
      persistentVolumeClaim:
        claimName: {{ $values.models.existingClaim }}
        readOnly: {{ not $values.models.download }}
      {{- else }}
      emptyDir:
        sizeLimit: {{ $values.models.sizeLimit }}
      {{- end }}
    - name: tmp
      emptyDir:
        sizeLimit: 4Gi
    {{- if ne $values.tls.mode "off" }}
    - name: tls
      secret:
        secretName: {{ include "decorum.tlsSecret" . }}
        defaultMode: 0440
    {{- end }}
    {{- with $service.tokensSecret }}
    - name: tokens
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- with include "decorum.uiTokens" . }}
    - name: ui-tokens
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- if eq .service "trainer" }}
    - name: runs
      persistentVolumeClaim:
        claimName: {{ default (printf "%s-runs" (include "decorum.name" .)) $values.trainer.storage.existingClaim }}
    {{- with include "decorum.dataVolume" . }}
    - name: data
      {{- . | nindent 6 }}
    {{- end }}
    {{- end }}
{{- end -}}

{{- define "decorum.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* What init containers share: they alone may write models. */}}
{{- define "decorum.initContainer" -}}
resources:
  requests: { cpu: 100m, memory: 512Mi, ephemeral-storage: 1Gi }
  limits: { memory: 2Gi, ephemeral-storage: 24Gi }
{{ include "decorum.containerSecurity" . }}
volumeMounts:
  - name: config
    mountPath: /etc/decorum
    readOnly: true
  - name: models
    mountPath: /models
  - name: tmp
    mountPath: /tmp
{{- end -}}

{{- define "decorum.dataVolume" -}}
{{- with .root.Values.trainer.data -}}
{{- if .configMap -}}
configMap:
  name: {{ .configMap }}
{{- else if .existingClaim -}}
persistentVolumeClaim:
  claimName: {{ .existingClaim }}
  readOnly: true
{{- end -}}
{{- end -}}
{{- end -}}
