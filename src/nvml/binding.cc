#include "nvml/binding.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <array>
#include <future>
#include <string_view>
#include <thread>

#include "base/log.h"
#include "nvml/codes.h"
#include "nvml/processes.h"

namespace tessera::nvml {
namespace {

#if defined(__aarch64__)
constexpr std::string_view kMultiarch = "aarch64-linux-gnu";
#else
constexpr std::string_view kMultiarch = "x86_64-linux-gnu";
#endif

bool is_path(const std::string& name) { return name.find('/') != std::string::npos; }

std::string loader_error() {
  const char* text = ::dlerror();
  return text ? text : "unknown loader error";
}

void* open_library(const std::string& file) { return ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL); }

std::string path_of(void* handle, const std::string& asked) {
  link_map* map = nullptr;
  if (::dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || !map || !map->l_name || !*map->l_name) return asked;
  return map->l_name;
}

/// Names what a person would get wrong: another architecture's library, none at all, a file that is something else.
Error explain_load_failure(const std::string& name, const std::string& why) {
  if (why.find("wrong ELF class") != std::string::npos)
    return fail(Code::Invalid,
                "driver library {}: {}. It is a 32-bit library: name the 64-bit one, usually under /usr/lib/{}", name,
                why, kMultiarch);
  if (why.find("cannot open shared object file: No such file") != std::string::npos)
    return fail(Code::NotFound,
                "driver library {} not found ({}). Install the NVIDIA driver; in a container use the nvidia runtime "
                "with NVIDIA_DRIVER_CAPABILITIES=utility; or name the file with --nvml PATH",
                name, why);
  if (why.find("Permission denied") != std::string::npos)
    return fail(Code::Denied, "driver library {}: {}. Check the rights of the file and its folders", name, why);
  return fail(Code::Invalid, "driver library {}: {}. It cannot be loaded: is it the driver's {}?", name, why, kSoname);
}

Error explain_init_failure(const Api& api, const std::string& path, abi::Return code) {
  std::string_view what_to_do = advice(code);
  // The CUDA toolkit ships a library of the same name to link against; it has the symbols but no driver behind it.
  if (path.find("/stubs/") != std::string::npos)
    what_to_do = "this is the CUDA toolkit's stub, not the driver: take its folder out of LD_LIBRARY_PATH";
  return fail(code_of(code), "starting the driver library {} failed: {}{}{}", path, describe(api, code),
              what_to_do.empty() ? "" : ". ", what_to_do);
}

/// The driver's own start blocks on a GPU that hangs; `nullopt` then, and the thread stays behind.
std::optional<abi::Return> run_within(Milliseconds deadline, abi::Return (*function)()) {
  std::promise<abi::Return> promise;
  std::future<abi::Return> answer = promise.get_future();
  std::thread([function, out = std::move(promise)]() mutable { out.set_value(function()); }).detach();
  if (answer.wait_for(deadline) != std::future_status::ready) return std::nullopt;
  return answer.get();
}

std::string read_text(abi::Return (*function)(char*, abi::u32)) {
  std::array<char, abi::kVersionBuffer + 1> text{};
  if (!function || function(text.data(), abi::kVersionBuffer) != abi::kSuccess) return {};
  return text.data();
}

}  // namespace

std::vector<std::string> driver_places(const std::string& soname) {
  std::vector<std::string> places;
  for (const std::string& folder : {
           fmt::format("/run/nvidia/driver/usr/lib/{}", kMultiarch),  // GPU Operator, Debian and Ubuntu images
           std::string("/run/nvidia/driver/usr/lib64"),               // GPU Operator, Red Hat images
           std::string("/usr/local/nvidia/lib64"),                    // GKE, inside containers
           std::string("/home/kubernetes/bin/nvidia/lib64"),          // GKE, on the node
           std::string("/usr/lib/wsl/lib"),                           // Windows' own driver under WSL
       })
    places.push_back(folder + "/" + soname);
  return places;
}

void Library::Unload::operator()(void* handle) const noexcept { ::dlclose(handle); }

Library::~Library() {
  if (left_loaded_) {
    static_cast<void>(handle_.release());
  } else if (started_ && api_.nvmlShutdown) {
    api_.nvmlShutdown();
  }
}

Result<void> Library::load(const std::string& name) {
  handle_.reset(open_library(name));
  const std::string why = handle_ ? "" : loader_error();
  if (!handle_ && !is_path(name)) {
    for (const std::string& place : driver_places(name)) {
      if (::access(place.c_str(), F_OK) != 0) continue;
      handle_.reset(open_library(place));
      if (!handle_) return explain_load_failure(place, loader_error());
      break;
    }
  }
  if (!handle_) return explain_load_failure(name, why);
  path_ = path_of(handle_.get(), name);

  // A missing function is an older driver, and stays null.
#define TESSERA_NVML_RESOLVE(symbol, returns, parameters) \
  api_.symbol = reinterpret_cast<decltype(api_.symbol)>(::dlsym(handle_.get(), #symbol));
  TESSERA_NVML_FUNCTIONS(TESSERA_NVML_RESOLVE)
#undef TESSERA_NVML_RESOLVE
  driver_.simulated = ::dlsym(handle_.get(), "nvmlTesseraSimulated") != nullptr;
  if (!api_.nvmlInit_v2 && !api_.nvmlInit)
    return fail(Code::Invalid, "driver library {}: it has no function nvmlInit, so it is not the driver's {}", path_,
                kSoname);
  return {};
}

Result<void> Library::start(Milliseconds deadline) {
  const auto code = run_within(deadline, api_.nvmlInit_v2 ? api_.nvmlInit_v2 : api_.nvmlInit);
  if (!code) {
    leave_loaded();
    return fail(Code::Unavailable,
                "starting the driver library {} did not end within {}: a GPU may hang. Look for an Xid in `dmesg`; "
                "without persistence mode (`nvidia-smi -pm 1`) a start takes seconds per GPU",
                path_, format_duration(deadline));
  }
  if (*code != abi::kSuccess) return explain_init_failure(api_, path_, *code);
  started_ = true;
  return {};
}

void Library::read_versions() {
  driver_.version = read_text(api_.nvmlSystemGetDriverVersion);
  driver_.nvml_version = read_text(api_.nvmlSystemGetNVMLVersion);
  driver_.abi_mismatch = writes_wide_entries(api_);
  if (driver_.abi_mismatch)
    log::warn(
        "the driver writes process entries of 32 bytes, not the 24 of its header; they are read as it writes them",
        {{"driver", driver_.version}, {"remedy", "update the driver to 535.86 or later"}});
}

Result<std::shared_ptr<const Library>> Library::open(const std::string& name, Milliseconds deadline) {
  const std::shared_ptr<Library> library(new Library());
  TRY(library->load(name));
  TRY(library->start(deadline));
  library->read_versions();
  return std::shared_ptr<const Library>(library);
}

std::shared_ptr<const Library> Library::around(const Api& api) {
  const std::shared_ptr<Library> library(new Library());
  library->api_ = api;
  return library;
}

Probe probe(const std::string& name) {
  Probe out;
  const auto library = Library::open(name);
  if (!library) {
    out.error = library.error().what;
    out.code = library.error().code;
    return out;
  }
  out.path = (*library)->path();
  out.driver = (*library)->driver();
  const Api& api = (*library)->api();
  unsigned count = 0;
  const abi::Return code = api.nvmlDeviceGetCount_v2 ? api.nvmlDeviceGetCount_v2(&count) : abi::kFunctionNotFound;
  if (code == abi::kSuccess) {
    out.devices = count;
  } else {
    out.error = fmt::format("counting the devices failed: {}. {}", describe(api, code), advice(code));
    out.code = code_of(code);
  }
  return out;
}

}  // namespace tessera::nvml
