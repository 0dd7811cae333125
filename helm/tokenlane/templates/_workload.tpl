{{/*
A service of this chart: its settings, ServiceAccount, disruption budget and Deployment.

Takes root; component; values (of the component); image (repository, tag, digest); settings (YAML); port (its name, number);
replicas; volumes and volumeMounts (YAML lists, may be empty).
*/}}
{{- define "tokenlane.workload" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- $settings := printf "%s\n%s" (include "tokenlane.settings" .) .settings | fromYaml -}}
{{- $preStop := $values.preStopSeconds | default 0 | int64 -}}
{{- $account := $values.serviceAccount.name | default (printf "%s-%s" (include "tokenlane.fullname" $root) .component) -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "tokenlane.meta" . | nindent 2 }}
data:
  {{- toYaml $settings | nindent 2 }}
{{- if $values.serviceAccount.create }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "tokenlane.meta" . | nindent 2 }}
  {{- with $values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- if (($values.podDisruptionBudget).enabled) }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "tokenlane.meta" . | nindent 2 }}
spec:
  maxUnavailable: {{ $values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "tokenlane.selectorLabels" . | nindent 6 }}
{{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "tokenlane.meta" . | nindent 2 }}
spec:
  replicas: {{ .replicas }}
  {{- with .strategy }}
  strategy:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "tokenlane.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      annotations:
        checksum/settings: {{ $settings | toJson | sha256sum | quote }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      # Without the chart's version: a new one alone is no reason to load models again.
      labels:
        {{- include "tokenlane.selectorLabels" . | nindent 8 }}
        {{- with $root.Values.commonLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ $account | quote }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      # The drain, the time before it, and a margin to close what is open.
      terminationGracePeriodSeconds: {{ add ($values.drainGraceSeconds | int64) $preStop 15 }}
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- toYaml $root.Values.podSecurityContext | nindent 8 }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . | quote }}
      {{- end }}
      {{- with $values.runtimeClassName }}
      runtimeClassName: {{ . | quote }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.topologySpreadConstraints }}
      topologySpreadConstraints:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component | quote }}
          image: {{ include "tokenlane.image" . | quote }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy | quote }}
          securityContext:
            {{- toYaml $root.Values.containerSecurityContext | nindent 12 }}
          ports:
            - name: {{ .port.name | quote }}
              containerPort: {{ .port.number }}
          envFrom:
            - configMapRef:
                name: {{ printf "%s-%s" (include "tokenlane.fullname" $root) .component | quote }}
          {{- with $values.extraEnv }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          # Has it come up: the bus is reached and, in a worker, the model loaded?
          startupProbe:
            httpGet: {path: /readyz, port: {{ .port.name | quote }}}
            periodSeconds: 2
            timeoutSeconds: 2
            # Half a minute more than the process gives itself, so that its own words are in the log.
            failureThreshold: {{ div (add ($values.startupTimeoutSeconds | int64) 30) 2 }}
          # Does it take work now? Not while the bus is away, not while it drains.
          readinessProbe:
            httpGet: {path: /readyz, port: {{ .port.name | quote }}}
            periodSeconds: 5
            timeoutSeconds: 2
            failureThreshold: 2
          # Does the process answer at all? A bus that is away is no reason to restart it.
          livenessProbe:
            httpGet: {path: /healthz, port: {{ .port.name | quote }}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          {{- if $preStop }}
          lifecycle:
            preStop:
              exec:
                command: ["sleep", {{ $preStop | quote }}]
          {{- end }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if $root.Values.nats.credsSecret.name }}
            - {name: nats-creds, mountPath: /etc/tokenlane/nats, readOnly: true}
            {{- end }}
            {{- with .volumeMounts }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- with $values.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - {name: tmp, emptyDir: {}}
        {{- with $root.Values.nats.credsSecret }}
        {{- if .name }}
        - name: nats-creds
          secret:
            secretName: {{ .name | quote }}
        {{- end }}
        {{- end }}
        {{- with .volumes }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with $values.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end -}}
