// What a tracer tells of a program's messages, and that the program does not notice.
#include "tracer/traced.hpp"

#include <sys/socket.h>

#include <sys/wait.h>

#include <cerrno>
#include <csignal>

using namespace scm;
using test::names_of;
using test::traced_run;
using strings = std::vector<std::string>;

TEST_CASE("both sides of a message are told: sizes, descriptors in both tables, and which belongs to which",
          "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    for (const std::string type : {"stream", "seqpacket"}) {
      INFO(program << ' ' << type);
      const auto seen = traced_run(program, {type});
      CHECK(seen.ended.succeeded());
      const auto sent = seen.messages(message_call::sendmsg);
      const auto came = seen.messages(message_call::recvmsg);
      REQUIRE(sent.size() == 2);
      REQUIRE(came.size() == 3);
      CHECK(sent[0]->bytes == 4);
      CHECK(names_of(sent[0]->descriptors) == strings{"first", "second"});
      REQUIRE(came[0]->origin);
      CHECK(came[0]->origin->number == sent[0]->number);
      CHECK(came[0]->origin->certain);
      CHECK(names_of(came[0]->descriptors) == strings{"first", "second"});
      CHECK(came[0]->descriptors[0].sent_as == sent[0]->descriptors[0].number);
      CHECK(came[0]->descriptors[0].number != -1);
      CHECK(came[0]->descriptors[0].what->close_on_exec);
      CHECK(came[0]->lost.empty());
      CHECK_FALSE(came[2]->origin);
      CHECK(seen.unreceived.empty());
    }
  }
}

TEST_CASE("a descriptor for which the receiver had no room is told as lost, with what it was",
          "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    const auto seen = traced_run(program, {"stream"});
    const auto came = seen.messages(message_call::recvmsg);
    REQUIRE(came.size() == 3);
    CHECK((came[1]->flags & MSG_CTRUNC) != 0);
    CHECK(names_of(came[1]->descriptors) == strings{"second"});
    CHECK_FALSE(came[1]->descriptors[0].what->close_on_exec);
    REQUIRE(names_of(came[1]->lost) == strings{"first"});
    CHECK(came[1]->lost[0].number == -1);
    CHECK(came[1]->lost[0].sent_as == seen.messages(message_call::sendmsg)[1]->descriptors[1].number);
    REQUIRE(came[1]->origin);
    CHECK(came[1]->origin->certain);
  }
}

TEST_CASE("sendmmsg and recvmmsg are told message by message", "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    const auto seen = traced_run(program, {"batch"});
    CHECK(seen.ended.succeeded());
    const auto sent = seen.messages(message_call::sendmmsg);
    const auto came = seen.messages(message_call::recvmmsg);
    REQUIRE(sent.size() == 2);
    REQUIRE(came.size() == 2);
    CHECK(came[0]->bytes == 3);
    CHECK(came[1]->bytes == 5);
    CHECK(names_of(came[0]->descriptors) == strings{"first"});
    CHECK(names_of(came[1]->descriptors) == strings{"second"});
    REQUIRE(came[1]->origin);
    CHECK(came[1]->origin->number == sent[1]->number);
    CHECK(std::string(reinterpret_cast<const char*>(came[1]->payload.data()), came[1]->payload.size()) == "three");
    CHECK(seen.calls[0].result == 2);
  }
}

TEST_CASE("what was read past, what stays in the queue and what could not be sent are told apart",
          "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    const auto seen = traced_run(program, {"drop"});
    CHECK(seen.ended.succeeded());
    REQUIRE(seen.unreceived.size() == 2);
    CHECK(names_of(seen.unreceived[0].descriptors) == strings{"read past"});
    CHECK(seen.unreceived[0].passed_over);
    CHECK(names_of(seen.unreceived[1].descriptors) == strings{"stays"});
    CHECK_FALSE(seen.unreceived[1].passed_over);
    const auto& failed = seen.calls.back();
    CHECK(failed.ended == traced_call::outcome::failed);
    CHECK(failed.error == EBADF);
    CHECK(failed.messages[0].descriptors[0].number == 99);
    CHECK(failed.messages[0].descriptors[0].unseen == std::errc::bad_file_descriptor);
  }
}

TEST_CASE("a message is found whose sender had gone before it was accepted, and one that went to an address",
          "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    for (const std::string verb : {"accepted-late", "addressed"}) {
      INFO(verb);
      const auto seen = traced_run(program, {verb});
      CHECK(seen.ended.succeeded());
      const auto came = seen.messages(message_call::recvmsg);
      REQUIRE(came.size() == 1);
      REQUIRE(came[0]->origin);
      CHECK(came[0]->origin->certain);
      CHECK(seen.unreceived.empty());
    }
  }
}

TEST_CASE("a number that becomes another socket's is told as that one", "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    const auto seen = traced_run(program, {"renumbered"});
    CHECK(seen.ended.succeeded());
    REQUIRE(seen.calls.size() == 8);
    for (const auto* const message : seen.messages(message_call::recvmsg)) {
      REQUIRE(message->origin);
      CHECK(message->origin->certain);
    }
    for (std::size_t i = 0; i != 8; ++i) {
      const auto& socket = seen.calls[i].socket;
      CHECK(socket.number == seen.calls[i % 2].socket.number);
      CHECK(socket.inode == seen.calls[i < 4 ? i % 2 : 4 + i % 2].socket.inode);
      CHECK(socket.peer_inode == seen.calls[i ^ 1].socket.inode);
    }
    CHECK(seen.calls[0].socket.inode != seen.calls[4].socket.inode);
  }
}

TEST_CASE("a socket that is passed again is told with the flags that it has by then", "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    const auto seen = traced_run(program, {"same-again"});
    REQUIRE(seen.calls.size() == 4);
    for (std::size_t i = 0; i != 4; ++i) {
      REQUIRE(seen.calls[i].messages.at(0).descriptors.size() == 1);
      const auto& what = seen.calls[i].messages[0].descriptors[0].what;
      REQUIRE(what);
      CHECK(what->flags.nonblock == (i > 1));
      CHECK(what->access == access_mode::read_write);
      CHECK(what->identity.inode == seen.calls[1].socket.inode);
      REQUIRE(what->socket);
      CHECK(what->socket->type == SOCK_SEQPACKET);
    }
  }
}

TEST_CASE("of two messages that look the same nothing is claimed that is not sure", "[tracer][no-valgrind]") {
  const auto seen = traced_run(TALK_PROGRAM, {"twice"});
  const auto came = seen.messages(message_call::recvmsg);
  REQUIRE(came.size() == 3);
  CHECK_FALSE(came[0]->origin->certain);  // a peek, which leaves it there
  CHECK_FALSE(came[1]->origin->certain);
  CHECK_FALSE(came[2]->origin->certain);
  CHECK(came[1]->origin->number != came[2]->origin->number);
  CHECK(seen.unreceived.empty());
}

TEST_CASE("a program under a tracer gets its signals as they were sent, and its calls are interrupted by them",
          "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    const auto seen = traced_run(program, {"signalled"});
    CHECK(seen.ended.succeeded());
    REQUIRE(seen.calls.size() == 1);
    CHECK(seen.calls[0].ended == traced_call::outcome::interrupted);
  }
}

TEST_CASE("a stopped process stays stopped under a tracer until it is continued, and its parent is told",
          "[tracer][no-valgrind]") {
  CHECK(traced_run(TALK_PROGRAM, {"stopped"}).ended.succeeded());
}

TEST_CASE("threads are told by their own numbers, and a call that execve cuts off is told too",
          "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    const auto seen = traced_run(program, {"threads"});
    CHECK(seen.ended.succeeded());
    REQUIRE(seen.calls.size() == 3);
    CHECK(seen.calls[0].thread == seen.calls[0].process);
    CHECK(seen.calls[1].thread != seen.calls[1].process);
    CHECK(seen.calls[1].process == seen.calls[0].process);
    CHECK(seen.calls[1].messages[0].origin);
    CHECK(seen.calls[2].ended == traced_call::outcome::unfinished);
  }
}

TEST_CASE("credentials are told", "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    const auto seen = traced_run(program, {"who"});
    const auto came = seen.messages(message_call::recvmsg);
    REQUIRE(came.size() == 1);
    REQUIRE(came[0]->credentials);
    CHECK(came[0]->credentials->pid == seen.calls[0].process);
    CHECK(names_of(came[0]->descriptors) == strings{"with credentials"});
  }
}

TEST_CASE("headers that the kernel refuses are told with its reason, and harm nobody", "[tracer][no-valgrind]") {
  for (const auto& program : test::talks()) {
    const auto seen = traced_run(program, {"nonsense"});
    CHECK(seen.ended.succeeded());
    std::vector<int> errors;
    for (const auto& one : seen.calls) errors.push_back(one.error);
    CHECK(errors == std::vector<int>{EFAULT, EBADF, ENOTSOCK, EMSGSIZE, EINVAL, EFAULT});
    CHECK(seen.calls[0].messages[0].unseen == std::errc::bad_address);
    CHECK(seen.calls[3].messages[0].unseen == std::errc::message_size);
  }
}

TEST_CASE("how the program ended is told, and that there is none", "[tracer][no-valgrind]") {
  CHECK(traced_run(TALK_PROGRAM, {"killed"}).ended == exit_status{.signal = SIGKILL});
  CHECK(traced_run(TALK_PROGRAM, {"no such verb"}).ended == exit_status{.code = 1});
  const auto none = tracer::start({.program = "/does/not/exist", .no_new_privileges = true}, {});
  REQUIRE_FALSE(none);
  CHECK(none.error().step == spawn_step::execute);
  CHECK(none.error().code == std::errc::no_such_file_or_directory);
}

TEST_CASE("a tracer that is given up kills what it traced, and leaves nothing behind", "[tracer][no-valgrind]") {
  {
    auto made = tracer::start({.program = TALK_PROGRAM, .arguments = {"stopped"}, .no_new_privileges = true}, {});
    REQUIRE(made);
    CHECK(made->program() > 0);
  }
  siginfo_t how{};
  CHECK(::waitid(P_ALL, 0, &how, WEXITED | WNOHANG | __WALL) == -1);
  CHECK(errno == ECHILD);
}
