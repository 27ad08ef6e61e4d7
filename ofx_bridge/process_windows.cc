#include "process.h"

#include <algorithm>
#include <cwchar>
#include <mutex>
#include <system_error>

#ifndef NOMINMAX  // MinGW's standard library has done so
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

namespace vstab::ofx {
namespace {

constexpr const wchar_t* kDropped[] = {L"PYTHON", L"QT_"};

std::wstring wide(const std::string& text) { return std::filesystem::u8path(text).wstring(); }

[[noreturn]] void fail(const char* what) {
  throw std::system_error(static_cast<int>(GetLastError()), std::system_category(), what);
}

// A pipe; only the child's end is inherited.
struct Pipe {
  explicit Pipe(bool child_reads) {
    SECURITY_ATTRIBUTES inherited{sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
    if (!CreatePipe(&read, &write, &inherited, 0)) fail("CreatePipe");
    SetHandleInformation(child_reads ? write : read, HANDLE_FLAG_INHERIT, 0);
  }
  ~Pipe() {
    close(read);
    close(write);
  }
  static void close(HANDLE& end) {
    if (end != nullptr) CloseHandle(end);
    end = nullptr;
  }
  HANDLE read = nullptr, write = nullptr;
};

// As the C runtime of the child takes it apart again: backslashes before a quote are doubled.
std::wstring quoted(const std::wstring& argument) {
  std::wstring line = L"\"";
  std::size_t slashes = 0;
  for (const wchar_t c : argument) {
    if (c == L'"') line.append(slashes + 1, L'\\');
    slashes = c == L'\\' ? slashes + 1 : 0;
    line += c;
  }
  return line.append(slashes, L'\\') + L"\"";
}

}  // namespace

std::vector<std::string> clean_environment() {
  std::vector<std::string> kept;
  wchar_t* const all = GetEnvironmentStringsW();
  for (const wchar_t* entry = all; entry != nullptr && *entry != 0; entry += std::wcslen(entry) + 1) {
    bool dropped = false;
    for (const wchar_t* start : kDropped) dropped |= _wcsnicmp(entry, start, std::wcslen(start)) == 0;
    if (!dropped) kept.push_back(std::filesystem::path(entry).u8string());
  }
  if (all != nullptr) FreeEnvironmentStringsW(all);
  return kept;
}

struct Process::Handles {
  Pipe input{true}, output{false};
  std::mutex mutex;  // guards the process and the end that we write to
  HANDLE process = nullptr;
};

Process::Process(const std::vector<std::string>& arguments, const std::vector<std::string>& environment)
    : handles_(std::make_unique<Handles>()) {
  std::wstring line;
  for (const std::string& argument : arguments) line += (line.empty() ? L"" : L" ") + quoted(wide(argument));
  std::wstring variables;
  for (const std::string& variable : environment) variables += wide(variable) + L'\0';
  variables += L'\0';
  STARTUPINFOW startup{};
  startup.cb = sizeof startup;
  startup.dwFlags = STARTF_USESTDHANDLES;
  startup.hStdInput = handles_->input.read;
  startup.hStdOutput = handles_->output.write;
  startup.hStdError = nullptr;
  PROCESS_INFORMATION started{};
  if (!CreateProcessW(wide(arguments.at(0)).c_str(), line.data(), nullptr, nullptr, TRUE,
                      CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT, variables.data(), nullptr, &startup, &started)) {
    fail("CreateProcess");
  }
  CloseHandle(started.hThread);
  handles_->process = started.hProcess;
  Pipe::close(handles_->input.read);
  Pipe::close(handles_->output.write);
}

Process::~Process() {
  kill();
  wait();
}

std::size_t Process::read(char* bytes, std::size_t most) {
  DWORD count = 0;
  return ReadFile(handles_->output.read, bytes, static_cast<DWORD>(most), &count, nullptr) ? count : 0;
}

int Process::wait() {
  const HANDLE process = [this] {
    const std::lock_guard lock(handles_->mutex);
    return handles_->process;
  }();
  if (process == nullptr) return 0;
  WaitForSingleObject(process, INFINITE);
  const std::lock_guard lock(handles_->mutex);
  DWORD status = 0;
  GetExitCodeProcess(process, &status);
  CloseHandle(process);
  handles_->process = nullptr;
  return static_cast<int>(status);
}

void Process::close_input() {
  const std::lock_guard lock(handles_->mutex);
  Pipe::close(handles_->input.write);
}

void Process::kill() {
  const std::lock_guard lock(handles_->mutex);
  if (handles_->process != nullptr) TerminateProcess(handles_->process, 1);
}

std::string environment(const char* name) {
  const std::wstring key = wide(name);
  std::wstring value(GetEnvironmentVariableW(key.c_str(), nullptr, 0), L'\0');
  value.resize(GetEnvironmentVariableW(key.c_str(), value.data(), static_cast<DWORD>(value.size())));
  return std::filesystem::path(value).u8string();
}

std::filesystem::path settings_folder() {
  const std::string roaming = environment("APPDATA");
  return roaming.empty() ? "" : std::filesystem::u8path(roaming) / "vstab";
}

std::vector<std::filesystem::path> command_folders() {
  std::vector<std::filesystem::path> folders;
  const std::string path = environment("PATH");
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find(';', at), path.size());
    if (end > at) folders.push_back(std::filesystem::u8path(path.substr(at, end - at)));
    at = end + 1;
  }
  return folders;
}

const char* command_name() { return "vstab.exe"; }

}  // namespace vstab::ofx
