// The file of a listening `scm`: who may use it, who may replace it, and that it goes away.
#include "cli/running_program.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>

#include <sys/stat.h>

#include <filesystem>

using namespace scm;
using namespace scm::test;

namespace {

// A socket file that nobody listens at, as a killed server leaves it.
void leave_behind(const std::string& path) {
  listen_options options;
  auto listening = listener<seqpacket>::bind(address::path(path).value(), options);
  REQUIRE(listening);
  listening->keep_file();
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace

TEST_CASE("with umask 0 the file is for its owner alone") {
  const temporary_folder folder;
  const auto where = folder / "socket";
  for (const std::string type : {"seqpacket", "stream", "dgram"}) {
    running_program receiver{
        {"sh", "-c", "umask 0; exec \"$@\"", "sh", SCM_PROGRAM, "recv", where, "--type", type, "--listen"}};
    REQUIRE(somebody_listens(where, type));
    struct stat status{};
    REQUIRE(::stat(where.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    receiver.signal(SIGTERM);
    receiver.wait();
  }
}

TEST_CASE("a signal that ends the program removes the file, and the lock beside it") {
  const temporary_folder folder;
  const auto where = folder / "socket";
  for (const std::string type : {"seqpacket", "dgram"}) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
      running_program receiver{scm_words({"recv", where, "--type", type, "--listen", "--replace"})};
      REQUIRE(somebody_listens(where, type));
      CHECK(is_there(where + ".lock"));
      receiver.signal(number);
      CHECK(receiver.wait().status == 128 + number);
      CHECK(!is_there(where));
      CHECK(!is_there(where + ".lock"));
    }
  }
}

TEST_CASE("a signal does not remove what somebody else has put in the file's place") {
  const temporary_folder folder;
  const auto where = folder / "socket";
  running_program receiver{scm_words({"recv", where, "--listen"})};
  REQUIRE(somebody_listens(where));
  std::filesystem::rename(where, folder / "moved");  // keeps its inode number from being used again
  leave_behind(where);
  receiver.signal(SIGTERM);
  receiver.wait();
  CHECK(is_there(where));
}

TEST_CASE("a file left behind is in the way, says how to replace it, and --replace does") {
  const temporary_folder folder;
  const auto where = folder / "socket";
  leave_behind(where);
  const auto dead = run_scm({"send", where, "--text", "x"});
  CHECK(dead.status == 1);
  CHECK(contains(dead.err, "Connection refused; nobody listens there"));

  const auto refused = run_scm({"recv", where, "--listen"});
  CHECK(refused.status == 1);
  CHECK(contains(refused.err, "--replace"));
  CHECK(is_there(where));

  running_program receiver{scm_words({"recv", where, "--listen", "--replace"})};
  REQUIRE(somebody_listens(where));
  CHECK(run_scm({"send", where, "--text", "x"}).status == 0);
  CHECK(receiver.wait().status == 0);
  CHECK(!is_there(where));
}

TEST_CASE("an address in use is never taken away, and its receiver notices nothing of the attempt") {
  const temporary_folder folder;
  for (const auto& where : {folder / "socket", abstract_address()}) {
    running_program receiver{scm_words({"recv", where, "--listen"})};
    REQUIRE(somebody_listens(where));
    for (const std::string type : {"seqpacket", "stream", "dgram"}) {
      const auto thief = run_scm({"recv", where, "--type", type, "--listen", "--replace"});
      if (type == "seqpacket" || !where.starts_with('@')) CHECK(thief.status == 1);
      if (thief.status == 1) CHECK(contains(thief.err, "Address already in use; somebody has this address"));
      if (where.starts_with('@')) break;  // abstract names are apart for each type
    }
    CHECK(run_scm({"send", where, "--text", "still here"}).status == 0);
    CHECK(contains(receiver.wait().out, "still here"));
  }
}

TEST_CASE("a file that is no socket is not replaced") {
  const temporary_folder folder;
  file_with(folder / "notes", "precious");
  CHECK(run_scm({"recv", folder / "notes", "--listen", "--replace"}).status == 1);
  CHECK(std::filesystem::file_size(folder / "notes") == 8);
}
