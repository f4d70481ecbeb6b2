// The texts that inspection reads and writes: fdinfo, the kernel's names, and bytes made safe.
#include "inspect/classify.hpp"
#include "inspect/fdinfo.hpp"
#include "support/catch.hpp"

#include <scm/inspect/safe_text.hpp>

#include <sys/types.h>

#include <cstdint>
#include <string>

using namespace scm;
using detail::fdinfo_field;
using detail::fdinfo_number;
using detail::kernel_name;

TEST_CASE("a field of fdinfo is found at the beginning of a line and nowhere else", "[text]") {
  constexpr std::string_view text = "pos:\t12\nflags:\t02\nlock: pos:\t9\nNSpid:\t3\t4\nPid:\t5\n";
  CHECK(fdinfo_field(text, "pos") == "12");
  CHECK(fdinfo_field(text, "Pid") == "5");
  CHECK(fdinfo_field(text, "NSpid") == "3\t4");
  CHECK_FALSE(fdinfo_field(text, "spid"));
  CHECK_FALSE(fdinfo_field(text, "flag"));
  CHECK_FALSE(fdinfo_field("", "pos"));
  CHECK(fdinfo_field("a:\n", "a") == "");
}

TEST_CASE("a field whose line was cut does not count", "[text]") {
  CHECK_FALSE(fdinfo_number<int>("pos:\t1", "pos"));
  CHECK(fdinfo_number<int>("pos:\t1\n", "pos") == 1);
}

TEST_CASE("a number in fdinfo is all of its field and fits its type, or there is none", "[text]") {
  const auto number = [](const std::string& field) { return fdinfo_number<std::uint64_t>("x:\t" + field + "\n", "x"); };
  CHECK(number("18446744073709551615") == UINT64_MAX);
  for (const char* field : {"", "18446744073709551616", "-1", "+1", "1 ", "1x", "0x1", "1\r"}) {
    INFO(field);
    CHECK_FALSE(number(field));
  }
  CHECK(fdinfo_number<std::uint64_t>("eventfd-count:               1a\n", "eventfd-count", 16) == 26);
  CHECK(fdinfo_number<pid_t>("Pid:\t-1\n", "Pid") == -1);
  CHECK_FALSE(fdinfo_number<pid_t>("Pid:\t2147483648\n", "Pid"));
}

TEST_CASE("a kernel name is what stands between its prefix and its brackets", "[text]") {
  CHECK(kernel_name("anon_inode:[eventfd]") == "eventfd");
  CHECK(kernel_name("anon_inode:inotify") == "inotify");
  CHECK(kernel_name("anon_inode:seccomp notify") == "seccomp notify");
  CHECK(kernel_name("anon_inode:kvm-vcpu:0") == "kvm-vcpu:0");
  CHECK(kernel_name("anon_inode:[") == "[");
  CHECK(kernel_name("anon_inode:[]") == "");
  CHECK(kernel_name("net:[4026531833]") == "net");
  CHECK(kernel_name("") == "");
}

TEST_CASE("safe text is printable ASCII on one line and can be turned back", "[text]") {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  const std::string safe = safe_text(every).value();
  std::string back;
  for (std::size_t i = 0; i < safe.size(); ++i) {
    REQUIRE(safe[i] >= 0x20);
    REQUIRE(safe[i] < 0x7f);
    if (safe[i] == '\\') {
      REQUIRE(safe.at(i + 1) == 'x');
      back += static_cast<char>(std::stoi(safe.substr(i + 2, 2), nullptr, 16));
      i += 3;
    } else {
      back += safe[i];
    }
  }
  CHECK(back == every);
  CHECK(safe_text("/plain path").value() == "/plain path");
  CHECK(safe_text("").value().empty());
}
