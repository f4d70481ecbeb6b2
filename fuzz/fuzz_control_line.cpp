// Lines of a control socket, however a stream cuts them and whoever's they are: a reader that takes byte by byte finds
// the same lines, senders and descriptors, and the same fault after them; words are what lies between blanks.
//
// Input: one byte (bits 0 to 4: the longest line; bits 5 and 6: most descriptors a line), then what receives delivered:
// a byte (bits 0 and 1: which sender, 0 is none; bits 2 and 3: descriptors; bit 4: lines are settled one by one), a
// byte of size, and so many bytes.
#include "check.hpp"
#include "service/control_commands.hpp"
#include "service/control_lines.hpp"

#include <scm/fuzz/input.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using scm::credentials;
using scm::detail::control_lines;
using scm::detail::line_fault;

struct delivered {
  std::optional<credentials> sender;
  std::size_t descriptors;
  bool one_by_one;
  std::string bytes;
};

struct some_line {
  std::string text;
  credentials sender;
  std::vector<int> descriptors;
  friend bool operator==(const some_line&, const some_line&) = default;
};

struct outcome {
  std::vector<some_line> lines{};
  std::optional<line_fault> fault{};
  friend bool operator==(const outcome&, const outcome&) = default;
};

// The senders differ in the pid alone, the uid alone, and the gid with both of them.
std::optional<credentials> sender_of(unsigned which) {
  if (which == 0) return {};
  return credentials{which == 2 ? 8 : 7, which == 3 ? 1001U : 1000U, 100};
}

// --- byte by byte ----------------------------------------------------------------------------------------------------

class reference {
 public:
  reference(std::size_t longest, std::size_t most) : longest_{longest}, most_{most} {}

  void deliver(const delivered& what, const std::vector<int>& numbers) {
    if (made_.fault) return;
    if (!what.sender) return fail(line_fault::unattested);
    if (!line_.empty() && *sender_ != *what.sender) return fail(line_fault::mixed);
    if (!numbers.empty()) {
      // How many lines have a byte of these.
      std::size_t lines = 0;
      bool begun = false;
      for (const char byte : what.bytes) {
        lines += !begun;
        begun = byte != '\n';
      }
      if (lines > 1) return fail(line_fault::ambiguous);
      if (held_.size() + numbers.size() > most_) return fail(line_fault::too_many_descriptors);
      held_.insert(held_.end(), numbers.begin(), numbers.end());
    }
    sender_ = what.sender;
    for (const char byte : what.bytes) {
      if (byte == '\n') {
        made_.lines.push_back({std::exchange(line_, {}), *sender_, std::exchange(held_, {})});
        continue;
      }
      line_ += byte;
      if (line_.size() > longest_) return fail(line_fault::too_long);
    }
  }
  const outcome& made() const { return made_; }

 private:
  void fail(line_fault why) { made_.fault = why; }

  std::size_t longest_, most_;
  std::string line_;
  std::optional<credentials> sender_;
  std::vector<int> held_;
  outcome made_;
};

void check_words(std::string_view line) {
  std::vector<std::string_view> words;
  const bool text = scm::detail::split_words(line, words);
  bool control = false;
  std::vector<std::string> wanted;
  bool within = false;
  for (std::size_t i = 0; i != line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if (byte == '\r' && i + 1 == line.size()) break;
    control |= byte == 0x7f || (byte < ' ' && byte != '\t');
    if (byte == ' ' || byte == '\t') {
      within = false;
    } else {
      if (!std::exchange(within, true)) wanted.emplace_back();
      wanted.back() += line[i];
    }
  }
  FUZZ_CHECK(text == !control);
  if (!text) return;
  FUZZ_CHECK(words.size() == wanted.size());
  for (std::size_t i = 0; i != words.size(); ++i) {
    FUZZ_CHECK(words[i] == wanted[i]);
    FUZZ_CHECK(scm::detail::is_word(words[i]));
  }
}

bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  scm::fuzz::input in{{data, size}};
  const auto first = in.take<std::uint8_t>();
  const std::size_t longest = 1 + (first & 31U);
  const std::size_t most = first >> 5 & 3U;
  reference wanted{longest, most};
  outcome got;
  std::vector<int> opened;
  {
    control_lines lines{longest, most};
    while (!in.empty()) {
      const auto head = in.take<std::uint8_t>();
      delivered what{sender_of(head & 3U), head >> 2 & 3U, (head & 16U) != 0, {}};
      const auto bytes = in.take_bytes(in.take<std::uint8_t>());
      if (bytes.empty()) continue;  // an end of file delivers nothing
      what.bytes.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());

      scm::descriptor_list list;
      std::vector<int> numbers;
      for (std::size_t i = 0; i != what.descriptors; ++i) {
        const int number = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        FUZZ_CHECK(number >= 0 && list.adopt(number));
        numbers.push_back(number);
      }
      opened.insert(opened.end(), numbers.begin(), numbers.end());
      wanted.deliver(what, numbers);

      // On the heap, and gone after the settling: what looks at it later is seen.
      auto lent = std::make_unique<char[]>(what.bytes.size());
      std::memcpy(lent.get(), what.bytes.data(), what.bytes.size());
      const auto fault = lines.add({lent.get(), what.bytes.size()}, what.sender, std::move(list), {});
      FUZZ_CHECK(fault == (fault ? lines.fault() : std::nullopt));
      if (lines.fault()) break;
      while (const auto line = lines.next()) {
        check_words(*line);
        some_line one{std::string{*line}, lines.sender(), {}};
        for (std::size_t i = 0; i != lines.descriptors().size(); ++i) {
          const int number = lines.descriptors()[i].native_handle();
          FUZZ_CHECK(is_open(number));
          one.descriptors.push_back(number);
        }
        got.lines.push_back(std::move(one));
        if (!what.one_by_one) continue;
        lines.settle();
        FUZZ_CHECK(lines.descriptors().empty());
        lent.reset();
      }
      if (lines.fault()) break;
      FUZZ_CHECK(!lines.more());
      lines.settle();
      FUZZ_CHECK(lines.held() <= most);
    }
    got.fault = lines.fault();
  }
  FUZZ_CHECK(got == wanted.made());
  for (const int number : opened) FUZZ_CHECK(!is_open(number));
  return 0;
}
