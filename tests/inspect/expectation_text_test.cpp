// Expectations in text: what is read, what is written back, and where a mistake is.
#include "support/catch.hpp"

#include <scm/inspect/expectation_text.hpp>

#include <sys/socket.h>

#include <string>
#include <string_view>

using namespace scm;
using kind = descriptor_kind;

namespace {

expectation parsed(std::string_view text) {
  const auto got = parse_expectation(text);
  INFO(text);
  if (!got) FAIL(got.error().what << " at " << got.error().offset);
  return *got;
}

struct mistake {
  std::string_view text;
  std::size_t offset;
};

}  // namespace

TEST_CASE("rules in text are those of the value") {
  CHECK(parsed("") == expectation{});
  CHECK(parsed("memfd,access=rw,seals=shrink+grow,size>=4096") ==
        expectation{.kinds = kind::memfd,
                    .access = access_mode::read_write,
                    .seals = seal_set{} | seal::shrink | seal::grow,
                    .size = size_range{.least = 4096}});
  CHECK(parsed("regular_file/block_device,access=r/rw").kinds == kind_set{kind::regular_file, kind::block_device});
  CHECK(parsed("kind=socket").kinds == kind_set{kind::socket});
  CHECK(parsed("any").kinds == any_kind);
  CHECK(parsed("access=none").access == access_set{access_mode::none});
  const auto flags = parsed("flags=append+sync,flags!=nonblock+direct+noatime+async+dsync");
  CHECK(flags.required_flags == status_flags{.append = true, .sync = true});
  CHECK(flags.forbidden_flags ==
        status_flags{.nonblock = true, .direct = true, .dsync = true, .async = true, .noatime = true});
  CHECK(parsed("seals=seal+shrink+grow+write+future_write+exec").seals == seal_set{0x3f});
  CHECK(parsed("size=0").size == size_range{0, 0});
  CHECK(parsed("size<=3K").size == size_range{0, 3072});
  CHECK(parsed("size<=2M,size>=1G").size == size_range{1 << 30, 2 << 20});
  CHECK(parsed("size=16777215T").size->least == 16777215ULL << 40);
  CHECK(parsed("device=1:3").device == device_number{1, 3});
  CHECK(parsed("family=unix,type=seqpacket,listening=yes") ==
        expectation{.socket_family = AF_UNIX, .socket_type = SOCK_SEQPACKET, .listening = true});
  CHECK(parsed("family=29,type=7,listening=no") ==
        expectation{.socket_family = 29, .socket_type = 7, .listening = false});
  CHECK(parsed("inode=0:6:18446744073709551615").same_as == file_identity{{0, 6}, 18446744073709551615U});
  CHECK(parsed("below=/srv/a\\x2cb\\x5C\\xff").below == "/srv/a,b\\\xff");
}

TEST_CASE("a mistake in a rule is pointed at") {
  const std::string past = std::string(expectation_text_bytes, 'x') + ",";
  for (const auto& [text, offset] : {
           mistake{",", 0},
           mistake{"memfd,", 6},
           mistake{"memfd,,access=r", 6},
           mistake{"memfd ", 0},
           mistake{"Memfd", 0},
           mistake{"memfd/", 6},
           mistake{"memfd/pip", 6},
           mistake{"memfd,pipe", 6},
           mistake{"kind=memfd,pipe", 11},
           mistake{"any/memfd", 0},
           mistake{"acces=r", 0},
           mistake{"access>=r", 6},
           mistake{"access!=r", 6},
           mistake{"access=", 7},
           mistake{"access=x", 7},
           mistake{"access=r/", 9},
           mistake{"access=r,access=w", 9},
           mistake{"flags=append,flags=sync", 13},
           mistake{"flags=append+x", 13},
           mistake{"flags!=", 7},
           mistake{"seals=shrink+", 13},
           mistake{"seals=shrink+gro", 13},
           mistake{"size=", 5},
           mistake{"size=-1", 5},
           mistake{"size=+1", 5},
           mistake{"size=0x10", 5},
           mistake{"size=1k", 5},
           mistake{"size=K", 5},
           mistake{"size=1KK", 5},
           mistake{"size=18446744073709551616", 5},
           mistake{"size=16777216T", 5},
           mistake{"size=1,size>=1", 7},
           mistake{"size>=1,size=1", 8},
           mistake{"size>=1,size>=1", 8},
           mistake{"size>1", 4},
           mistake{"device=1", 8},
           mistake{"device=:1", 7},
           mistake{"device=1:", 9},
           mistake{"device=1:4294967296", 9},
           mistake{"device=1:2:3", 9},
           mistake{"family=", 7},
           mistake{"family=un", 7},
           mistake{"family=2147483648", 7},
           mistake{"type=tcp", 5},
           mistake{"listening=", 10},
           mistake{"listening=true", 10},
           mistake{"inode=1", 7},
           mistake{"inode=1:2", 9},
           mistake{"inode=1:2:", 10},
           mistake{"inode=1:2:18446744073709551616", 10},
           mistake{"below=", 6},
           mistake{"below=srv", 6},
           mistake{"below=/a\\", 8},
           mistake{"below=/a\\x", 8},
           mistake{"below=/a\\x1g", 8},
           mistake{"below=/a\\y12", 8},
           mistake{"below=/a\\x00", 8},
           mistake{"below=/a\xff", 8},
           mistake{"below=/a\n", 8},
           mistake{past, expectation_text_bytes},
       }) {
    const auto got = parse_expectation(text);
    INFO(text);
    REQUIRE_FALSE(got);
    CHECK(got.error() == errc::malformed);
    CHECK(got.error().offset == offset);
    CHECK(std::string_view{got.error().what}.size() > 3);
  }
}

TEST_CASE("the text of an expectation says the same, in one order") {
  for (const std::string_view text :
       {"", "memfd,access=rw,seals=shrink+grow,size>=4096", "any,access=r/none,flags=append,flags!=nonblock+async",
        "directory/path_handle,below=/a\\x2cb\\x5cc", "size=7", "size>=0", "size>=0,size<=9",
        "device=4:64,family=unix,type=stream,listening=no,inode=0:1:2", "family=77,type=99"}) {
    CHECK(text_of(parsed(text)).value() == text);
  }
  CHECK(text_of(parsed("size<=1K,pipe/memfd")).value() == "memfd/pipe,size>=0,size<=1024");
}

TEST_CASE("an expectation that no words say has no text") {
  CHECK(text_of({.seals = seal_set{0x80}}).error() == errc::malformed);
  CHECK(text_of({.socket_family = -1}).error() == errc::malformed);
  CHECK(text_of({.below = "relative"}).error() == errc::malformed);
  CHECK(text_of({.below = std::string("/a\0", 3)}).error() == errc::malformed);
}
