{{- define "tokenlane.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "tokenlane.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "tokenlane.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tokenlane.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a Deployment selects its pods by: never changed, as it cannot be. Takes root, component. */}}
{{- define "tokenlane.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tokenlane.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component | quote }}
{{- end -}}

{{/* Takes root, component. */}}
{{- define "tokenlane.labels" -}}
{{ include "tokenlane.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | quote }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Takes root, component. */}}
{{- define "tokenlane.meta" -}}
name: {{ printf "%s-%s" (include "tokenlane.fullname" .root) .component | quote }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "tokenlane.labels" . | nindent 2 }}
{{- end -}}

{{/* Takes root, image (repository, tag, digest). */}}
{{- define "tokenlane.image" -}}
{{- $repository := .image.repository -}}
{{- with .root.Values.image.registry }}{{ $repository = printf "%s/%s" . $repository }}{{ end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (coalesce .image.tag .root.Values.image.tag .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "tokenlane.natsUrl" -}}
{{- if and .Values.nats.embedded.enabled .Values.nats.url -}}
{{- fail "nats.url and nats.embedded.enabled exclude each other: set nats.embedded.enabled=false" -}}
{{- else if .Values.nats.embedded.enabled -}}
{{- printf "nats://%s-nats:4222" (include "tokenlane.fullname" .) -}}
{{- else -}}
{{- required "nats.url is needed where nats.embedded.enabled is false" .Values.nats.url -}}
{{- end -}}
{{- end -}}

{{/* Settings that every service reads, as YAML. Takes root, values. */}}
{{- define "tokenlane.settings" -}}
TOKENLANE_NATS_URL: {{ include "tokenlane.natsUrl" .root | quote }}
TOKENLANE_STREAM_REPLICAS: {{ .root.Values.nats.streamReplicas | int64 | quote }}
TOKENLANE_MAX_BODY_BYTES: {{ .root.Values.maxBodyBytes | int64 | quote }}
TOKENLANE_LOG_LEVEL: {{ .root.Values.log.level | quote }}
TOKENLANE_LOG_FORMAT: {{ .root.Values.log.format | quote }}
TOKENLANE_DRAIN_GRACE_S: {{ .values.drainGraceSeconds | quote }}
{{- if .root.Values.nats.credsSecret.name }}
TOKENLANE_NATS_CREDS_FILE: {{ printf "/etc/tokenlane/nats/%s" .root.Values.nats.credsSecret.key | quote }}
{{- end }}
{{- with .root.Values.tracing.endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . | quote }}
OTEL_TRACES_SAMPLER: "parentbased_traceidratio"
OTEL_TRACES_SAMPLER_ARG: {{ $.root.Values.tracing.sampleRatio | quote }}
{{- end }}
{{- end -}}

{{/* "short:8192,long": ordered by bound, the lane without one last. */}}
{{- define "tokenlane.lanes" -}}
{{- $bounded := list -}}
{{- $last := list -}}
{{- range $name, $lane := .Values.lanes -}}
{{- if $lane.upToTokens -}}
{{- $bounded = append $bounded (printf "%012d %s" ($lane.upToTokens | int64) $name) -}}
{{- else -}}
{{- $last = append $last $name -}}
{{- end -}}
{{- end -}}
{{- if ne (len $last) 1 -}}
{{- fail (printf "exactly one lane must be without upToTokens, not %d" (len $last)) -}}
{{- end -}}
{{- $parts := list -}}
{{- range $bounded | sortAlpha -}}
{{- $part := splitList " " . -}}
{{- $parts = append $parts (printf "%s:%s" (index $part 1) (regexReplaceAll "^0+" (index $part 0) "")) -}}
{{- end -}}
{{- append $parts (first $last) | join "," -}}
{{- end -}}
