// Requests and replies: which belongs to which, for how long, and what a hostile side can say.
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/witness.hpp"

#include <scm/frame.hpp>

#include <string>

using namespace scm;
using std::chrono::seconds;

namespace {

constexpr record_bounds roomy{1 << 16, 16, 1 << 16, 16};
constexpr deadline start{seconds{1000}};

call_message reply_to(std::uint64_t id) { return {call_kind::reply, id, {}}; }

}  // namespace

TEST_CASE("a header is what the document says, and is read back", "[calls]") {
  const call_header header{call_kind::reply, 0x0102030405060708};
  const std::string expected{"\x02\0\0\0\0\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01", 16};
  CHECK(std::string{reinterpret_cast<const char*>(header.begin()), call_header::bytes} == expected);
  const std::string with_body = expected + "body";
  const auto read = as_call(std::as_bytes(std::span{with_body}));
  REQUIRE(read);
  CHECK(read->kind == call_kind::reply);
  CHECK(read->id == 0x0102030405060708);
  CHECK(read->body.size() == 4);
  CHECK(as_call(std::as_bytes(std::span{expected}))->body.empty());
}

TEST_CASE("what is no header of a call is malformed", "[calls]") {
  const std::string good{"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16};
  for (std::size_t size = 0; size != 16; ++size) {
    CHECK(as_call(std::as_bytes(std::span{good}.first(size))).error() == errc::malformed);
  }
  for (std::size_t at = 0; at != 8; ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(at == 0 ? 4 : 1);
    CHECK(as_call(std::as_bytes(std::span{bad})).error() == errc::malformed);
  }
  const std::string none(16, '\0');
  CHECK(as_call(std::as_bytes(std::span{none})).error() == errc::malformed);
}

TEST_CASE("each reply finds its call, in any order, once", "[calls]") {
  call_table calls{10};
  const auto first = calls.begin(11).value();
  const auto second = calls.begin(22).value();
  const auto third = calls.begin(33).value();
  CHECK(calls.waiting() == 3);
  CHECK(calls.answered(reply_to(second.id())).value() == 22);
  CHECK(calls.answered(reply_to(third.id())).value() == 33);
  CHECK(calls.answered(reply_to(first.id())).value() == 11);
  CHECK_FALSE(calls.answered(reply_to(second.id())).value());
  CHECK(calls.waiting() == 0);
}

TEST_CASE("a reply to a call that was never made is malformed", "[calls]") {
  call_table calls{10};
  CHECK(calls.answered(reply_to(0)).error() == errc::malformed);
  const auto only = calls.begin(1).value();
  CHECK(calls.answered(reply_to(only.id() + 1)).error() == errc::malformed);
  CHECK(calls.answered(reply_to(~std::uint64_t{0})).error() == errc::malformed);
  CHECK(calls.answered({call_kind::request, only.id(), {}}).error() == errc::malformed);
  CHECK(calls.answered({call_kind::cancel, only.id(), {}}).error() == errc::malformed);
  CHECK(calls.waiting() == 1);
}

TEST_CASE("calls expire in the order of their deadlines, and a late reply to them is let pass", "[calls]") {
  call_table calls{10};
  CHECK(calls.next_deadline() == no_deadline);
  const auto never = calls.begin(0).value();
  CHECK(calls.next_deadline() == no_deadline);
  const auto late = calls.begin(1, start + seconds{3}).value();
  const auto early = calls.begin(2, start + seconds{1}).value();
  CHECK(calls.next_deadline() == start + seconds{1});
  CHECK_FALSE(calls.expire(start));
  const auto first = calls.expire(start + seconds{3});
  REQUIRE(first);
  CHECK(first->id == early.id());
  CHECK(first->token == 2);
  CHECK(calls.next_deadline() == start + seconds{3});
  CHECK(calls.expire(start + seconds{3})->token == 1);
  CHECK_FALSE(calls.expire(start + seconds{3}));
  CHECK_FALSE(calls.expire(no_deadline));
  CHECK_FALSE(calls.answered(reply_to(late.id())).value());
  CHECK(calls.answered(reply_to(never.id())).value() == 0);
}

TEST_CASE("a call that was cancelled waits no more, and says so to the other side", "[calls]") {
  call_table calls{10};
  const auto call = calls.begin(1, start).value();
  const auto word = calls.cancel(call.id());
  REQUIRE(word);
  CHECK(as_call(*word)->kind == call_kind::cancel);
  CHECK(as_call(*word)->id == call.id());
  CHECK_FALSE(calls.cancel(call.id()));
  CHECK_FALSE(calls.cancel(99));
  CHECK_FALSE(calls.expire(start));
  CHECK_FALSE(calls.answered(reply_to(call.id())).value());
}

TEST_CASE("only so many calls wait at a time", "[calls]") {
  call_table calls{2};
  const auto first = calls.begin(1).value();
  REQUIRE(calls.begin(2));
  CHECK(calls.begin(3).error() == errc::over_limit);
  REQUIRE(calls.answered(reply_to(first.id())));
  REQUIRE(calls.begin(3));
  CHECK(call_table{0}.begin(1).error() == errc::over_limit);
}

TEMPLATE_TEST_CASE("a call carries descriptors there and back", "[calls]", stream, seqpacket) {
  auto [left, right] = TestType::pair().value();
  auto client = record_channel::make(std::move(left), roomy).value();
  auto server = record_channel::make(std::move(right), roomy).value();
  const owned_fd file = test::scratch_file();

  call_table calls{4};
  const auto request = calls.begin(7, in(seconds{60})).value();
  REQUIRE(client.send({request, "keep this"}, file.get()));

  const auto asked = server.receive();
  REQUIRE(asked);
  const auto question = as_call(asked->bytes);
  REQUIRE(question);
  CHECK(question->kind == call_kind::request);
  REQUIRE(asked->descriptors.size() == 1);
  const call_header answer{call_kind::reply, question->id};
  REQUIRE(server.queue({answer, "here"}, std::move(asked->descriptors[0])));
  REQUIRE(server.flush());

  const auto back = client.receive();
  REQUIRE(back);
  CHECK(calls.answered(as_call(back->bytes).value()).value() == 7);
  CHECK(test::inode_of(back->descriptors[0]) == test::inode_of(file));
}
