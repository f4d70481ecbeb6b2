#include "report.hpp"

#include <scm/inspect.hpp>

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace demo {
namespace {

std::string words(int number) { return std::error_code{number, std::system_category()}.message(); }

template <class... Values>
void line(std::string_view label, fmt::format_string<Values...> text, Values&&... values) {
  fmt::print("  {:<13} {}\n", label, fmt::format(text, std::forward<Values>(values)...));
}

std::string_view text_of(scm::access_mode access) {
  switch (access) {
    case scm::access_mode::read:
      return "read";
    case scm::access_mode::write:
      return "write";
    case scm::access_mode::read_write:
      return "read, write";
    case scm::access_mode::none:
      break;
  }
  return "none";
}

std::string text_of(scm::seal_set seals) {
  constexpr std::pair<scm::seal, std::string_view> names[]{
      {scm::seal::shrink, "shrink"},         {scm::seal::grow, "grow"},
      {scm::seal::write, "write"},           {scm::seal::future_write, "future write"},
      {scm::seal::executable, "executable"}, {scm::seal::sealing, "more seals"}};
  std::string text;
  for (const auto& [seal, name] : names) {
    if (seals.contains(seal)) text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  }
  return text;
}

std::string text_of(const identity& process) {
  if (process.pid == 0) return "not told";
  return fmt::format("pid {}, user {}, group {}", process.pid, process.uid, process.gid);
}

void print_child(const errand& told) {
  const confinement& given_up = told.given_up;
  fmt::print("\nThe child, process {}\n", told.child);
  line("descriptors", "{}: the channel to its parent", given_up.open_descriptors);
  if (given_up.landlock_version > 0) {
    line("files", "given up, by Landlock version {}", given_up.landlock_version);
  } else if (given_up.chroot_error == 0) {
    line("files", "given up, by an empty root directory (Landlock: {})", words(given_up.landlock_error));
  } else {
    line("files", "NOT given up (Landlock: {}; chroot: {})", words(given_up.landlock_error),
         words(given_up.chroot_error));
  }
  if (given_up.network_error == 0) {
    line("network", "given up, by an empty network namespace");
  } else {
    line("network", "NOT given up (unshare: {})", words(given_up.network_error));
  }
  if (given_up.privileges_error == 0) {
    line("privileges", "given up: no capability, and no way to one");
  } else {
    line("privileges", "NOT given up ({})", words(given_up.privileges_error));
  }
}

void print_crossing(const errand& told) {
  fmt::print("\nWhat crossed, in one message\n  {:<5}{:<15}{:<13}{:>15}   {}\n", "slot", "kind", "access", "bytes",
             "sealed against");
  for (std::size_t i = 0; i != told.sent.size(); ++i) {
    const scm::description& one = told.sent[i];
    fmt::print("  {:<5}{:<15}{:<13}{:>15}   {}\n", i, scm::name_of(one.kind), text_of(one.access),
               one.size ? fmt::format("{}", *one.size) : "-", one.seals ? text_of(*one.seals) : "-");
  }
}

void print_identities(const errand& told) {
  fmt::print("\nWho is who, by the kernel's word\n");
  line("the sender", "{} (SCM_CREDENTIALS, as the child saw)", text_of(told.given.sender));
  line("channel by", "{} (SO_PEERCRED, as the child saw)", text_of(told.given.connector));
  line("the child", "{} (SCM_CREDENTIALS, as the parent saw)", text_of(told.greeter));
}

void print_proof(const errand& told) {
  fmt::print("\nThe child's own attempts\n");
  if (told.given.open_error != 0) {
    line("open", "the file, by its name: {}", words(told.given.open_error));
  } else {
    line("open", "the file, by its name: it could; this kernel gives this user no way to give files up");
  }
  if (told.given.connect_error != 0) {
    line("connect", "127.0.0.1: {}", words(told.given.connect_error));
  } else {
    line("connect", "127.0.0.1: it could; this kernel gives this user no way to give the network up");
  }
}

void print_answer(const errand& told) {
  std::string hash;
  for (const std::uint8_t byte : told.given.sha256) hash += fmt::format("{:02x}", byte);
  fmt::print("\nThe answer, read from the sealed memory\n");
  line("lines", "{}", told.given.lines);
  line("bytes", "{}", told.given.bytes);
  line("SHA-256", "{}", hash);
}

double milliseconds(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

}  // namespace

void print_report(const errand& told) {
  fmt::print("Counts the lines of a file in a process that can open none: {}\n",
             scm::safe_text(told.file).value_or("(unprintable)"));
  print_child(told);
  print_crossing(told);
  print_identities(told);
  print_proof(told);
  print_answer(told);
  const std::chrono::nanoseconds reading{static_cast<std::chrono::nanoseconds::rep>(told.given.nanoseconds)};
  fmt::print(
      "\n{:.1f} ms to start and confine the child, {:.1f} ms from the message to the answer ({:.1f} ms reading)\n",
      milliseconds(told.start_time), milliseconds(told.answer_time), milliseconds(reading));
}

}  // namespace demo
