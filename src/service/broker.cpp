#include <scm/service/broker.hpp>

#include "core/os_error.hpp"
#include "service/broker_commands.hpp"
#include "service/broker_hand_over.hpp"

#include <scm/service/control_server.hpp>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <new>
#include <string_view>
#include <utility>

namespace scm::inline v0_1 {

struct descriptor_broker::state {
  state(std::unique_ptr<detail::kept_store>&& kept, const broker_options& chosen)
      : options{chosen}, store{std::move(kept)} {}

  /// Every command looks first who has ended: an answer is never about an entry that has expired.
  template <class Command>
  control_handler with(Command command) {
    return [this, command](control_request& asked) {
      if (link) return control_answer::error(EAGAIN, "handed over to another process: connect again");
      store->expire();
      return command(*store, asked);
    };
  }

  control_answer hand_over(control_request& asked);
  void give(stream&& to) noexcept;

  broker_options options;
  control_server* server = nullptr;
  /// First, so that it is closed last: its end tells the successor that nobody is served here any more.
  std::optional<record_channel> link;
  std::optional<record_channel> undecided;
  std::unique_ptr<detail::kept_store> store;
};

control_answer descriptor_broker::state::hand_over(control_request& asked) {
  if (asked.caller.uid != credentials::own().uid && asked.caller.uid != 0) {
    return control_answer::error(EACCES, "handing over is for the broker's own user, and root");
  }
  if (asked.words.size() != 1) return control_answer::error(EINVAL, "usage: hand-over");
  if (!asked.descriptors.empty()) return control_answer::error(EBADMSG, "this command takes no descriptors");
  return {.text = fmt::format(R"({{"entries":{}}})", store->entries.entries().size()),
          .take = [this](stream&& successor) { give(std::move(successor)); }};
}

void descriptor_broker::state::give(stream&& to) noexcept {
  auto given = detail::give_store(std::move(to), store->entries, server->listening(), in(options.hand_over_for));
  if (!given) {
    undecided = std::move(given.error().undecided);
    if (options.when_kept) options.when_kept(given.error().code);
    return;
  }
  link = std::move(*given);
  server->listening().leave_file();
  server->stop();
}

descriptor_broker::descriptor_broker(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
descriptor_broker::descriptor_broker(descriptor_broker&&) noexcept = default;
descriptor_broker& descriptor_broker::operator=(descriptor_broker&&) noexcept = default;
descriptor_broker::~descriptor_broker() = default;

result<descriptor_broker> descriptor_broker::make(const broker_options& options) noexcept try {
  auto store = detail::make_store(options.limits);
  if (!store) return std::unexpected{store.error()};
  return descriptor_broker{std::make_unique<state>(std::move(*store), options)};
} catch (const std::bad_alloc&) {
  return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
}

result<void> descriptor_broker::attach(control_server& to) noexcept try {
  state* const self = state_.get();
  self->server = &to;
  const auto store = self->with([](detail::kept_store& kept, control_request& asked) {
    return detail::store_command(kept.entries, kept.ends, asked);
  });
  const auto fetch = self->with(
      [](detail::kept_store& kept, control_request& asked) { return detail::fetch_command(kept.entries, asked); });
  const auto drop = self->with(
      [](detail::kept_store& kept, control_request& asked) { return detail::drop_command(kept.entries, asked); });
  const auto list = self->with(
      [](detail::kept_store& kept, control_request& asked) { return detail::list_command(kept.entries, asked); });
  const auto hand_over =
      self->with([self](detail::kept_store&, control_request& asked) { return self->hand_over(asked); });
  for (const auto& [name, handler] : {std::pair{"store", &store}, std::pair{"fetch", &fetch}, std::pair{"drop", &drop},
                                      std::pair{"list", &list}, std::pair{"hand-over", &hand_over}}) {
    if (auto added = to.handle(name, *handler); !added) return added;
  }
  const auto watched = to.when_readable(self->store->ends, [self] { self->store->expire(); });
  if (!watched) return std::unexpected{watched.error()};
  return {};
} catch (const std::bad_alloc&) {
  return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
}

bool descriptor_broker::handed_over() const noexcept { return state_->link.has_value(); }
std::size_t descriptor_broker::entries() const noexcept { return state_->store->entries.entries().size(); }
std::size_t descriptor_broker::descriptors() const noexcept { return state_->store->entries.descriptors(); }

namespace {

std::unexpected<take_over_error> failure(std::error_code why, std::string said = {}) noexcept {
  return std::unexpected{take_over_error{why, std::move(said)}};
}

/// Asks for the store, and reads the answer, no byte of which may be somebody else's.
result<void, take_over_error> ask(stream& broker, std::optional<uid_t> whose, deadline until) {
  if (const auto sent = broker.send_all(std::string_view{"hand-over\n"}, {}, {.until = until}); !sent) {
    return failure(sent.error().code);
  }
  std::string answer;
  while (!answer.ends_with('\n')) {
    std::array<char, 512> some;
    const auto got = broker.receive(some, 0, {.until = until});
    if (!got) return failure(got.error().code);
    const auto& sender = got->sender;
    if (!sender || (sender->uid != credentials::own().uid && sender->uid != 0 && sender->uid != whose)) {
      return failure(std::make_error_code(std::errc::operation_not_permitted));
    }
    answer.append(some.data(), got->size);
    if (answer.size() > limits::packet_bytes) return failure(errc::malformed);
  }
  answer.pop_back();
  if (answer.starts_with(R"({"err":)")) return failure(errc::refused, std::move(answer));
  return {};
}

}  // namespace

result<taken_over, take_over_error> descriptor_broker::take_over(const address& at, const broker_options& options,
                                                                 std::optional<uid_t> whose) noexcept try {
  const deadline until = in(options.hand_over_for);
  auto made = std::make_unique<state>(nullptr, options);
  auto link = stream::connect(at, until, {.items = {receive_item::credentials}});
  if (!link) return failure(link.error());
  if (auto asked = ask(*link, whose, until); !asked) return std::unexpected{std::move(asked.error())};
  auto taken = detail::take_store(std::move(*link), options.limits, until);
  if (!taken) return failure(taken.error());
  made->store = std::move(taken->store);
  made->undecided = std::move(taken->undecided);
  return taken_over{descriptor_broker{std::move(made)}, std::move(taken->at)};
} catch (const std::bad_alloc&) {
  return failure(std::make_error_code(std::errc::not_enough_memory));
}

}  // namespace scm::inline v0_1
