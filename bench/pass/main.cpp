/// scm_bench_pass: passes messages of 64 bytes within this process, for whoever counts its instructions.
/// usage: scm_bench_pass CONTENDER DESCRIPTORS MESSAGES
#include "../contender.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

/// Plain C that does something else as well, to show that the bound on instructions notices.
class wasteful_end : public bench::endpoint {
 public:
  explicit wasteful_end(std::unique_ptr<bench::endpoint> end) : end_{std::move(end)} {}
  void send(std::size_t messages) override {
    for (std::size_t i = 0; i != messages * 1000; ++i) asm volatile("");
    end_->send(messages);
  }
  std::size_t receive(std::size_t messages) override { return end_->receive(messages); }

 private:
  std::unique_ptr<bench::endpoint> end_;
};

class wasteful_contender : public bench::contender {
 public:
  [[nodiscard]] std::string name() const override { return "wasteful C"; }
  std::pair<std::unique_ptr<bench::endpoint>, std::unique_ptr<bench::endpoint>> connect(
      const bench::traffic& messages) override {
    auto ends = bench::make_plain_c(bench::baseline)->connect(messages);
    return {std::make_unique<wasteful_end>(std::move(ends.first)), std::move(ends.second)};
  }
};

std::unique_ptr<bench::contender> find(std::string_view name) {
  std::array all{bench::make_plain_c(bench::baseline), bench::make_scm(),
                 std::unique_ptr<bench::contender>{std::make_unique<wasteful_contender>()}};
  for (auto& one : all) {
    if (one->name() == name) return std::move(one);
  }
  throw std::invalid_argument{fmt::format("no contender {}", name)};
}

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument{fmt::format("not a number: {}", text)};
  }
  return value;
}

void pass(bench::contender& who, std::size_t descriptors, std::size_t messages) {
  const int event = eventfd(0, EFD_CLOEXEC);
  const std::vector<int> lent(descriptors, event);
  const auto [one, other] = who.connect({.bytes = 64, .descriptors = descriptors, .lent = lent});
  for (std::size_t i = 0; i != messages; ++i) {
    one->send(1);
    if (other->receive(1) != descriptors) throw std::runtime_error{"descriptors did not arrive"};
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw std::invalid_argument{"usage: scm_bench_pass CONTENDER DESCRIPTORS MESSAGES"};
    pass(*find(argv[1]), number(argv[2]), number(argv[3]));
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "scm_bench_pass: {}\n", error.what());
    return 2;
  }
}
