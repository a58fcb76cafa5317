#include "agent/option_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tessera::agent {
namespace {

constexpr std::string_view kServing = "Serving";
constexpr std::string_view kOnce = "Running once, and files";
constexpr std::string_view kPage = "What the page shows";
constexpr std::string_view kPods = "Pods";
constexpr std::string_view kNode = "The node";
constexpr std::string_view kLayout = "The layout";
constexpr std::string_view kGeneral = "General";

constexpr Milliseconds kLeastInterval{100};
constexpr Milliseconds kMostInterval{3'600'000};
constexpr Milliseconds kMostDeadline{60'000};
constexpr unsigned kMostDevices = 1024;

Error expected(std::string_view what) { return fail(Code::Invalid, "{} expected", what); }

template <std::string Options::* Member>
Result<void> set_text(Options& options, std::string_view value) {
  if (value.empty()) return expected("a value");
  options.*Member = std::string(value);
  return {};
}

template <std::string LayoutOptions::* Member>
Result<void> set_layout_text(Options& options, std::string_view value) {
  if (value.empty()) return expected("a value");
  options.layout.*Member = std::string(value);
  return {};
}

template <bool Options::* Member, bool Meaning = true>
Result<void> set_switch(Options& options, std::string_view value) {
  const auto on = parse_switch(value);
  if (!on) return expected("true or false");
  options.*Member = *on == Meaning;
  return {};
}

/// A word for each value; anything else is refused with all words.
template <class Value>
using Words = std::initializer_list<std::pair<std::string_view, Value>>;
template <class Value>
Result<void> choose(Value& into, std::string_view text, Words<Value> words) {
  std::vector<std::string_view> names;
  for (const auto& [word, value] : words) {
    if (word == text) {
      into = value;
      return {};
    }
    names.push_back(word);
  }
  return expected(fmt::format("one of {}", fmt::join(names, ", ")));
}

/// Whole numbers are milliseconds, as in dcgm-exporter.
Result<Milliseconds> interval_of(std::string_view text) {
  if (const auto whole = parse_int(text)) return Milliseconds(*whole);
  if (const auto duration = parse_duration(text)) return *duration;
  return expected("a duration such as 15s or 1m30s, or whole milliseconds such as 15000,");
}

Result<void> set_interval(Options& options, std::string_view value) {
  const Milliseconds interval = TRY(interval_of(value));
  if (interval < kLeastInterval || interval > kMostInterval) {
    return fail(Code::Invalid, "{} to {} expected{}", format_duration(kLeastInterval), format_duration(kMostInterval),
                parse_int(value) ? " (a whole number is milliseconds)" : "");
  }
  options.interval = interval;
  return {};
}

Result<void> set_deadline(Options& options, std::string_view value) {
  const Milliseconds deadline = TRY(interval_of(value));
  if (deadline < Milliseconds(10) || deadline > kMostDeadline) {
    return fail(Code::Invalid, "10ms to {} expected", format_duration(kMostDeadline));
  }
  options.deadline = deadline;
  return {};
}

Result<void> set_address(Options& options, std::string_view value) {
  const auto colon = value.rfind(':');
  const auto port = colon == std::string_view::npos ? std::nullopt : parse_int(value.substr(colon + 1));
  const std::string_view host = value.substr(0, std::min(colon, value.size()));
  const bool plain = host.find(':') == std::string_view::npos || (host.starts_with('[') && host.ends_with(']'));
  if (!port || *port < 0 || *port > 65535 || !plain) return expected("HOST:PORT, [IPv6]:PORT or :PORT");
  options.address = std::string(value);
  return {};
}

Result<void> set_session_labels(Options& options, std::string_view value) {
  options.session_pid = options.session_command = false;
  if (value == "none") return {};
  for (const std::string_view part : split(value, ',')) {
    const std::string_view name = trim(part);
    if (name != "pid" && name != "command") return expected("pid, command, both as pid,command, or none");
    (name == "pid" ? options.session_pid : options.session_command) = true;
  }
  return {};
}

Result<unsigned> device_index(std::string_view text) {
  const auto index = parse_int(trim(text));
  if (!index || *index < 0 || *index >= kMostDevices) {
    return expected("device indices as in g:0,1 or g:0-3 (the driver's, not UUIDs)");
  }
  return static_cast<unsigned>(*index);
}

/// "0,2-3" as indices.
Result<std::vector<unsigned>> device_indices(std::string_view text) {
  std::vector<unsigned> out;
  for (const std::string_view part : split(text, ',')) {
    const auto dash = part.find('-');
    const unsigned first = TRY(device_index(part.substr(0, dash)));
    const unsigned last = dash == std::string_view::npos ? first : TRY(device_index(part.substr(dash + 1)));
    if (last < first) return fail(Code::Invalid, "a range from low to high expected at '{}'", part);
    for (unsigned index = first; index <= last; ++index) out.push_back(index);
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

/// dcgm-exporter's selector: f, g, g:0,2-3, i, g+i, g:0+i. Its f is what we always do: instances where there are any,
/// else the device. Instance ids are DCGM's own numbers, which NVML does not know.
Result<void> set_devices(Options& options, std::string_view value) {
  options.devices.clear();
  if (value == "f") return {};
  bool instances = false;
  for (const std::string_view part : split(value, '+')) {
    if (part.starts_with("i:")) {
      return fail(
          Code::Invalid,
          "instances cannot be chosen by DCGM's numbers; choose devices as in g:0,1 (all their instances show), "
          "or drop the others in Prometheus by GPU_I_ID");
    }
    if (part != "g" && part != "i" && !part.starts_with("g:")) return expected("f (all), g (all), g:0,1 or g:0-3");
    if (part.starts_with("g:")) options.devices = TRY(device_indices(part.substr(2)));
    instances |= part == "i";
  }
  if (value == "i")
    options.warnings.emplace_back("devices 'i' shows devices without MIG instances too");
  else if (instances && options.devices.empty())
    options.warnings.push_back(
        fmt::format("devices '{}' is taken for f: a device with MIG instances shows as these alone", value));
  else if (instances)
    options.warnings.push_back(fmt::format(
        "devices '{}' shows these devices with their MIG instances only, no instances of other devices", value));
  return {};
}

Result<void> set_print(Options& options, std::string_view value) {
  return choose(options.print, value, {{"table", Print::Table}, {"json", Print::Json}, {"prom", Print::Prom}});
}
Result<void> set_names(Options& options, std::string_view value) {
  return choose(options.dcgm_names, value, {{"4.8", DcgmNames::V4_8}, {"4.9", DcgmNames::V4_9}});
}
Result<void> set_hostname_label(Options& options, std::string_view value) {
  std::string_view label;
  TRY(choose<std::string_view>(label, value, {{"Hostname", "Hostname"}, {"hostname", "hostname"}}));
  options.hostname_label = std::string(label);
  return {};
}
Result<void> set_id_type(Options&, std::string_view value) {
  bool by_name = false;  // both forms are recognised whichever is named
  return choose(by_name, value, {{"uid", false}, {"device-name", true}});
}
Result<void> set_log_format(Options& options, std::string_view value) {
  return choose(options.log_format, value, {{"text", log::Format::Text}, {"json", log::Format::Json}});
}
Result<void> set_log_level(Options& options, std::string_view value) {
  using log::Level;
  return choose(options.log_level, value,
                {{"debug", Level::Debug}, {"info", Level::Info}, {"warn", Level::Warn}, {"error", Level::Error}});
}
Result<void> set_dry_run(Options& options, std::string_view value) {
  const auto on = parse_switch(value);
  if (!on) return expected("true or false");
  options.layout.dry_run = *on;
  return {};
}

Result<void> set_windows(Options& options, std::string_view value) {
  options.layout.windows = TRY(parse_windows(value));
  return {};
}

Result<void> set_pause(Options& options, std::string_view value) {
  const auto pause = parse_duration(value);
  if (!pause || *pause < kLeastInterval || *pause > kMostInterval)
    return expected(fmt::format("a duration from {} to {}, such as 10s,", format_duration(kLeastInterval),
                                format_duration(kMostInterval)));
  options.layout.pause = *pause;
  return {};
}

/// The file is read before all else, see parse_options.
Result<void> take_no_effect(Options&, std::string_view) { return {}; }

Result<void> set_debug(Options& options, std::string_view value) {
  const auto on = parse_switch(value);
  if (!on) return expected("true or false");
  if (*on) options.log_level = log::Level::Debug;
  return {};
}

}  // namespace

bool is_foreign_variable(std::string_view name) {
  static constexpr std::string_view kOthers[] = {"TESSERA_BUILD", "TESSERA_KUBE", "TESSERA_PEERS", "TESSERA_PROFILE",
                                                 "TESSERA_VERSION"};
  static constexpr std::string_view kOthersPrefixes[] = {"TESSERA_JOURNAL_", "TESSERA_KILL", "TESSERA_METER_",
                                                         "TESSERA_OUTAGE_", "TESSERA_SIM_"};
  if (std::ranges::count(kOthers, name) > 0) return true;
  if (std::ranges::any_of(kOthersPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); }))
    return true;
  return name.ends_with("_SERVICE_HOST") || name.find("_SERVICE_PORT") != std::string_view::npos ||
         name.ends_with("_PORT") || name.find("_PORT_") != std::string_view::npos;
}

std::optional<bool> parse_switch(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "true", "True", "TRUE"})
    if (text == yes) return true;
  for (const std::string_view no : {"0", "f", "F", "false", "False", "FALSE"})
    if (text == no) return false;
  return std::nullopt;
}

const std::vector<Flag>& flags() {
  static const std::vector<Flag> kFlags = {
      {"address", "a", "HOST:PORT", "DCGM_EXPORTER_LISTEN", kServing, set_address,
       "Where to listen; :PORT is all interfaces. Default :9400."},
      {"interval", "c collect-interval", "DURATION", "DCGM_EXPORTER_INTERVAL", kServing, set_interval,
       "Time between two collections, as 15s or in whole milliseconds, from 100ms to 1h. Default 15s."},
      {"web-config-file", "", "FILE", "DCGM_EXPORTER_WEB_CONFIG_FILE", kServing, set_text<&Options::web_config>,
       "TLS and users, as in Prometheus' web configuration file."},

      {"once", "", "", "", kOnce, set_switch<&Options::once>,
       "Collect once, print or write what is asked for, and exit: 0 if all went well."},
      {"print", "", "table|json|prom", "", kOnce, set_print,
       "With --once: the form to print in. Default table, or nothing beside --textfile."},
      {"textfile", "", "FILE", "", kOnce, set_text<&Options::textfile>,
       "Write the sessions for node_exporter's textfile collector; each interval, or once with --once. It reads only "
       "files named *.prom."},

      {"collectors", "f", "FILE", "DCGM_EXPORTER_COLLECTORS", kPage, set_text<&Options::collectors>,
       "The DCGM fields to expose, as dcgm-exporter's CSV; read again when it changes. Default: a built-in set."},
      {"dcgm-names", "", "4.8|4.9", "", kPage, set_names,
       "4.8 exposes the fields under the names that the CSV has; 4.9 under those of dcgm-exporter 4.9. Default 4.8."},
      {"devices", "d", "f|g:0,1", "DCGM_EXPORTER_DEVICES_STR", kPage, set_devices,
       "Only these devices, with all their MIG instances: g:0,1 or g:0-3. Default f, all."},
      {"hostname-label", "", "Hostname|hostname", "", kPage, set_hostname_label,
       "What the label with the node's name is called. Default Hostname."},
      {"no-hostname", "n", "", "DCGM_EXPORTER_NO_HOSTNAME", kPage, set_switch<&Options::hostname_off>,
       "Leave out the label with the node's name."},
      {"replace-blanks-in-model-name", "rbmn", "", "DCGM_EXPORTER_REPLACE_BLANKS_IN_MODEL_NAME", kPage,
       set_switch<&Options::model_without_blanks>,
       "Models as NVIDIA-H100-80GB-HBM3, with - for blanks, in the labels modelName and model."},
      {"session-labels", "", "LIST", "", kPage, set_session_labels,
       "Which of pid,command the sessions show, or none; without pid they are summed per container. Default "
       "pid,command."},
      {"session-memory-label", "", "", "", kPage, set_switch<&Options::session_memory_label>,
       "The label gpu_memory on /metrics too; each change of it makes a new series. The textfile has it always."},

      {"server", "", "URL", "", kLayout, set_layout_text<&LayoutOptions::server>,
       "Where tessera-server answers, which says what is wanted; without a path, /k8s-monitor is meant. Needed."},
      {"token-file", "", "FILE", "", kLayout, set_layout_text<&LayoutOptions::token_file>,
       "The node's key, or its ServiceAccount token; read anew for each question. Default: none is shown."},
      {"ca-file", "", "FILE", "", kLayout, set_layout_text<&LayoutOptions::ca_file>,
       "The certificates (PEM) that an https server's own must come from. Default: the system's."},
      {"cluster", "", "NAME", "", kLayout, set_layout_text<&LayoutOptions::cluster>,
       "The cluster's name, as the server knows it. Default: default."},
      {"data", "", "DIR", "", kLayout, set_layout_text<&LayoutOptions::data>,
       "Where the newest document that was acted on is remembered, so that no older one is taken after a restart. "
       "Default /var/lib/tessera-agent."},
      {"window", "", "LIST", "", kLayout, set_windows,
       "When layouts may be changed: times of the day in UTC, as 22:00-04:00,12:00-12:30. Default: always."},
      {"dry-run", "", "", "", kLayout, set_dry_run, "Only tell the server what would be done; nothing is changed."},
      {"pause", "", "DURATION", "", kLayout, set_pause,
       "How long to wait before looking again at what could not be done, as an instance that is in use. Default 10s."},

      {"kubernetes", "k", "", "DCGM_EXPORTER_KUBERNETES", kPods, set_switch<&Options::kubernetes>,
       "Tell which pods use and hold what. On; --kubernetes=false switches it off."},
      {"kubernetes-gpu-id-type", "", "uid|device-name", "DCGM_EXPORTER_KUBERNETES_GPU_ID_TYPE", kPods, set_id_type,
       "What the device plugin's ids are: UUIDs or names such as nvidia0. Default uid."},
      {"pod-resources-kubelet-socket", "", "FILE", "DCGM_POD_RESOURCES_KUBELET_SOCKET", kPods,
       set_text<&Options::pod_resources_socket>,
       "The kubelet's socket. Default /var/lib/kubelet/pod-resources/kubelet.sock."},
      {"pod-logs", "", "DIR", "", kPods, set_text<&Options::pod_logs>,
       "The folder that holds pods/ and containers/, which tell the pods' names. Default /var/log."},

      {"node-name", "", "NAME", "NODE_NAME", kNode, set_text<&Options::node_name>,
       "The node's name. Default: the variable NODE_NAME, else the host's name."},
      {"nvml", "", "PATH", "", kNode, set_text<&Options::nvml>,
       "The driver's library, a name or a path. Default libnvidia-ml.so.1."},
      {"proc", "", "DIR", "", kNode, set_text<&Options::proc>, "The host's /proc. Default /proc."},
      {"sys", "", "DIR", "", kNode, set_text<&Options::sys>, "The host's /sys. Default /sys."},
      {"deadline", "", "DURATION", "", kNode, set_deadline,
       "How long a collection waits for a device that does not answer; at most the interval. Default 1s."},

      {"config", "", "FILE", "", kGeneral, take_no_effect, "Settings from a YAML file."},
      {"log-format", "", "text|json", "DCGM_EXPORTER_LOG_FORMAT", kGeneral, set_log_format,
       "Lines of text or of JSON on standard error. Default text."},
      {"debug", "", "", "DCGM_EXPORTER_DEBUG", kGeneral, set_debug, "The same as --log-level debug."},
      {"log-level", "", "debug|info|warn|error", "", kGeneral, set_log_level,
       "The least that is logged. Default info."},
  };
  return kFlags;
}

bool has(Command command, const Flag& flag) {
  if (flag.group == kPods || flag.group == kNode || flag.group == kGeneral) return true;
  return (command == Command::Layout) == (flag.group == kLayout);
}

const std::vector<ForeignFlag>& foreign_flags() {
  using enum Foreign;
  static constexpr std::string_view kNoHostengine = "the driver is asked directly, without DCGM's host engine";
  static constexpr std::string_view kGpusOnly = "GPUs only; switches, links and CPUs are not collected";
  static constexpr std::string_view kNoDcgmLog = "there is no DCGM in this program; see --log-level";
  static constexpr std::string_view kNoPodLabels =
      "the API server is not asked; join kube_pod_labels in Prometheus by namespace and pod";
  static constexpr std::string_view kNoDump = "there are no dumps; see --once --print json";
  static constexpr std::string_view kWatched = "devices that come and go are noticed anyway";
  static const std::vector<ForeignFlag> kForeign = {
      {"use-old-namespace", "o", true, "DCGM_EXPORTER_USE_OLD_NAMESPACE", Refused, "",
       "label names are always those of dcgm-exporter 2 and later; rename pod, namespace and container by "
       "metric_relabel_configs. For metric names of 1.x name them in the CSV: dcgm_gpu_temp"},
      {"configmap-data", "m", false, "DCGM_EXPORTER_CONFIGMAP_DATA", Refused, "none",
       "the API server is not asked; mount the ConfigMap as a volume and name its file by --collectors"},
      {"fake-gpus", "", true, "DCGM_EXPORTER_USE_FAKE_GPUS", Refused, "", "name a simulated driver by --nvml instead"},
      {"web-systemd-socket", "", true, "DCGM_EXPORTER_SYSTEMD_SOCKET", Refused, "",
       "sockets are not taken from systemd; give --address"},
      {"remote-hostengine-info", "r", false, "DCGM_REMOTE_HOSTENGINE_INFO", Ignored, "", kNoHostengine},
      {"switch-devices", "s", false, "DCGM_EXPORTER_OTHER_DEVICES_STR", Ignored, "f", kGpusOnly},
      {"cpu-devices", "p", false, "DCGM_EXPORTER_CPU_DEVICES_STR", Ignored, "f", kGpusOnly},
      {"kubernetes-enable-pod-labels", "", true, "DCGM_EXPORTER_KUBERNETES_ENABLE_POD_LABELS", Ignored, "",
       kNoPodLabels},
      {"kubernetes-pod-label-allowlist-regex", "", false, "DCGM_EXPORTER_KUBERNETES_POD_LABEL_ALLOWLIST_REGEX", Ignored,
       "", kNoPodLabels},
      {"kubernetes-enable-pod-uid", "", true, "DCGM_EXPORTER_KUBERNETES_ENABLE_POD_UID", Always, "",
       "pod_uid is always there"},
      {"kubernetes-virtual-gpus", "", true, "KUBERNETES_VIRTUAL_GPUS", Always, "", "shared devices are always told"},
      {"kubernetes-enable-dra", "", true, "KUBERNETES_ENABLE_DRA", Always, "",
       "claims are read from the kubelet like other devices"},
      {"nvidia-resource-names", "", false, "NVIDIA_RESOURCE_NAMES", Ignored, "",
       "NVIDIA's resources are known by their prefix"},
      {"xid-count-window-size", "x", false, "DCGM_EXPORTER_XID_COUNT_WINDOW_SIZE", Ignored, "300000",
       "gpu_xid_errors_total counts every event; take increase() over any window"},
      {"clock-events-count-window-size", "", false, "DCGM_EXPORTER_CLOCK_EVENTS_COUNT_WINDOW_SIZE", Ignored, "300000",
       "there is no such count; see DCGM_FI_DEV_CLOCK_THROTTLE_REASONS"},
      {"hpc-job-mapping-dir", "", false, "DCGM_HPC_JOB_MAPPING_DIR", Ignored, "", "jobs of batch systems are not told"},
      {"enable-dcgm-log", "", true, "DCGM_EXPORTER_ENABLE_DCGM_LOG", Ignored, "", kNoDcgmLog},
      {"dcgm-log-level", "", false, "DCGM_EXPORTER_DCGM_LOG_LEVEL", Ignored, "NONE", kNoDcgmLog},
      {"dump-enabled", "", true, "DCGM_EXPORTER_DUMP_ENABLED", Ignored, "", kNoDump},
      {"dump-directory", "", false, "DCGM_EXPORTER_DUMP_DIRECTORY", Ignored, "", kNoDump},
      {"dump-retention", "", false, "DCGM_EXPORTER_DUMP_RETENTION", Ignored, "", kNoDump},
      {"dump-compression", "", true, "DCGM_EXPORTER_DUMP_COMPRESSION", Ignored, "", kNoDump},
      {"disable-startup-validate", "", true, "DISABLE_STARTUP_VALIDATE", Always, "", "nothing is validated at start"},
      {"enable-gpu-bind-unbind-watch", "", true, "DCGM_EXPORTER_ENABLE_GPU_BIND_UNBIND_WATCH", Always, "", kWatched},
      {"gpu-bind-unbind-poll-interval", "", false, "DCGM_EXPORTER_GPU_BIND_UNBIND_POLL_INTERVAL", Always, "", kWatched},
      {"enable-pprof", "", true, "DCGM_EXPORTER_ENABLE_PPROF", Ignored, "", "there is no profiler in this program"},
  };
  return kForeign;
}

}  // namespace tessera::agent
