#include <scm/core/result.hpp>

#include <string>

namespace scm::inline v0_1 {
namespace {

const char* text_of(int value) noexcept {
  switch (static_cast<errc>(value)) {
    case errc::end_of_file:
      return "end of file: the peer has closed or shut down its side";
    case errc::descriptors_lost:
      return "descriptors of this message were lost (no free slot in the descriptor table, or refused by a security "
             "module); raise RLIMIT_NOFILE or close what is not needed";
    case errc::over_limit:
      return "more than the limit allows; what came with it was closed";
    case errc::refused:
      return "the kernel put an error where a descriptor should be; the message's other descriptors were closed";
    case errc::payload_cut:
      return "the message was longer than the buffer and its rest is gone; offer a larger buffer";
    case errc::too_many_in_flight:
      return "this user has too many descriptors sent and not yet received; have them received or raise RLIMIT_NOFILE";
    case errc::unsupported:
      return "not supported by this kernel or by this kind of socket";
    case errc::malformed:
      return "malformed data";
    case errc::receive_side_dead:
      return "an earlier loss on this stream left its next byte without meaning; close it and connect anew";
    case errc::no_headroom:
      return "too few free descriptor slots to receive safely; nothing was received, close some and try again";
    case errc::empty_message:
      return "the message needs at least one byte: an empty one would lose its descriptors or read as end of file";
    case errc::wrong_descriptor:
      return "not the kind of socket that is needed here";
    case errc::bad_address:
      return "not a Unix socket address: a path has 1 to 108 bytes and no NUL, an abstract name up to 107 bytes";
    case errc::unknown_version:
      return "records in another version of the format; use the same major version at both ends";
    case errc::out_of_sequence:
      return "a packet of records is missing or came twice; is somebody else using this socket?";
    case errc::descriptors_missing:
      return "fewer descriptors came than the records have; does something in between drop them?";
    case errc::descriptors_surplus:
      return "more descriptors came than the records have; all were closed";
    case errc::record_cut:
      return "the peer was gone before its record was whole";
    case errc::abandoned:
      return "the peer gave up a record that it had begun; what came of it was closed, and the next can be received";
    case errc::not_admitted:
      return "a descriptor is not what was agreed";
    case errc::wrong_namespace:
      return "this thread went to another network namespace and could not come back: end it, for all that it opens is "
             "there";
  }
  return "unknown scm error";
}

class scm_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "scm"; }
  [[nodiscard]] std::string message(int value) const override { return text_of(value); }
};

}  // namespace

const std::error_category& category() noexcept {
  static const scm_category instance;
  return instance;
}

}  // namespace scm::inline v0_1
