{{/* What values.schema.json cannot say: values that do not fit one another, or the cluster. */}}
{{- define "flywheel.checks" -}}
{{- $ray := .Values.ray -}}
{{- if and (not .Values.store.url) (not .Values.seaweedfs.enabled) -}}
{{- fail "store.url: say where everything is kept, as s3://bucket/prefix; or set seaweedfs.enabled=true for one in the cluster" -}}
{{- end -}}
{{- if and .Values.store.url .Values.seaweedfs.enabled -}}
{{- fail "store.url and seaweedfs.enabled: there is one store; set one of them" -}}
{{- end -}}
{{- if and .Values.store.url (not (hasPrefix "s3://" .Values.store.url)) -}}
{{- fail (printf "store.url: %s is not s3://bucket/prefix, and pods share no folder" .Values.store.url) -}}
{{- end -}}
{{- if eq (include "flywheel.port" .) "0" -}}
{{- fail "loop.control.port: in a cluster it cannot be 0, any free one" -}}
{{- end -}}
{{- if $ray.enabled -}}
{{- include "flywheel.checks.ray" . -}}
{{- else if not (and $ray.existing.dashboard $ray.existing.url) -}}
{{- fail "ray.existing.dashboard and ray.existing.url: needed where ray.enabled is false" -}}
{{- else if or .Values.api.ingress.enabled .Values.api.httpRoute.enabled -}}
{{- fail "api.ingress and api.httpRoute: they lead to the chart's own Ray; with ray.enabled=false make them beside the existing cluster" -}}
{{- end -}}
{{- if and .Values.api.ingress.enabled (not .Values.api.ingress.host) -}}
{{- fail "api.ingress.host: say the host name" -}}
{{- end -}}
{{- if and .Values.api.httpRoute.enabled (not .Values.api.httpRoute.parentRefs) -}}
{{- fail "api.httpRoute.parentRefs: say which gateway" -}}
{{- end -}}
{{- if and .Values.backup.enabled (not (hasPrefix "s3://" .Values.backup.target)) -}}
{{- fail "backup.target: say where copies go, as s3://bucket/prefix" -}}
{{- end -}}
{{- end -}}

{{- define "flywheel.checks.ray" -}}
{{- $ray := .Values.ray -}}
{{- if and $ray.requireCrds (not (.Capabilities.APIVersions.Has "ray.io/v1/RayService")) -}}
{{- fail "this cluster does not know RayService (ray.io/v1). Install KubeRay's operator first: helm install kuberay-operator kuberay/kuberay-operator. For helm template: --api-versions ray.io/v1/RayService, or ray.requireCrds=false" -}}
{{- end -}}
{{- $gpu := dig "resources" "use_gpu" false .Values.loop -}}
{{- if and $gpu (not $ray.train.gpus) -}}
{{- fail "loop.resources.use_gpu is true, but ray.train.gpus is 0: training would wait for a GPU for ever" -}}
{{- end -}}
{{- if and $ray.train.gpus (not $gpu) -}}
{{- fail "ray.train.gpus is set, but loop.resources.use_gpu is not true: the GPUs would idle" -}}
{{- end -}}
{{- if lt (int $ray.terminationGracePeriodSeconds) 60 -}}
{{- fail "ray.terminationGracePeriodSeconds: at least 60 are needed, for collectors to commit what they have" -}}
{{- end -}}
{{- range $role := list "serve" "rollout" "train" -}}
{{- $group := get $ray $role -}}
{{- if or (lt (int $group.replicas) (int $group.minReplicas)) (gt (int $group.replicas) (int $group.maxReplicas)) -}}
{{- fail (printf "ray.%s: replicas %d must be from minReplicas %d to maxReplicas %d" $role (int $group.replicas) (int $group.minReplicas) (int $group.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
