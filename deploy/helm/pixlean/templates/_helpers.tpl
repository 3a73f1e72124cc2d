{{- define "pixlean.name" -}}
{{- if contains "pixlean" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-pixlean" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "pixlean.labels" -}}
{{ include "pixlean.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "pixlean.selector" -}}
app.kubernetes.io/name: pixlean
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "pixlean.account" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "pixlean.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "pixlean.secret" -}}
{{- .Values.existingSecret | default (include "pixlean.name" .) }}
{{- end }}

{{/* Whether state is in PostgreSQL. What a secret of yours holds can't be seen from here: several servers are taken for it. */}}
{{- define "pixlean.shared" -}}
{{- if or .Values.secrets.DATABASE_URL (and .Values.existingSecret (or (gt (int .Values.replicas) 1) .Values.worker.enabled .Values.autoscaling.enabled)) }}yes{{ end }}
{{- end }}

{{- define "pixlean.check" -}}
{{- if and (not (include "pixlean.shared" .)) (or (gt (int .Values.replicas) 1) .Values.worker.enabled .Values.autoscaling.enabled) }}
{{- fail "several servers, autoscaling and workers need DATABASE_URL in secrets, or an existingSecret that has it" }}
{{- end }}
{{- if and .Values.existingSecret .Values.secrets }}
{{- fail "secrets and existingSecret exclude each other" }}
{{- end }}
{{- end }}

{{- define "pixlean.pod" -}}
serviceAccountName: {{ include "pixlean.account" .root }}
automountServiceAccountToken: false
terminationGracePeriodSeconds: 45
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
containers:
  - name: pixlean
    image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}"
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: {{ toJson .args }}
    env:
      - { name: REQUIRE_SANDBOX, value: {{ .root.Values.requireSandbox | quote }} }
      {{- range $name, $value := .root.Values.settings }}
      - { name: {{ $name }}, value: {{ $value | toString | quote }} }
      {{- end }}
    {{- if or .root.Values.secrets .root.Values.existingSecret }}
    envFrom:
      - secretRef: { name: {{ include "pixlean.secret" .root }} }
    {{- end }}
    {{- if .serves }}
    ports:
      - { name: http, containerPort: 8080 }
    startupProbe:
      httpGet: { path: /health, port: http }
      periodSeconds: 2
      failureThreshold: 60
    readinessProbe:
      httpGet: { path: /health/ready, port: http }
      periodSeconds: 5
      timeoutSeconds: 3
    livenessProbe:
      httpGet: { path: /health, port: http }
      periodSeconds: 20
      timeoutSeconds: 5
      failureThreshold: 3
    {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    resources: {{- toYaml .resources | nindent 6 }}
    volumeMounts:
      - { name: data, mountPath: /data }
      - { name: scratch, mountPath: /tmp }
volumes:
  - name: scratch
    emptyDir: {}
  - name: data
    {{- if .claim }}
    persistentVolumeClaim: { claimName: {{ .claim }} }
    {{- else }}
    emptyDir: {}
    {{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
