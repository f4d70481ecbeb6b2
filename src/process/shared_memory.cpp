#include <scm/process/shared_memory.hpp>

#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <sys/mman.h>

#include <array>
#include <utility>

namespace scm::inline v0_1 {
namespace {

constexpr std::size_t name_bytes = 249;  // of memfd_create(2), without "memfd:" and NUL
constexpr unsigned no_exec_seal = 0x8;   // MFD_NOEXEC_SEAL, Linux 6.3: newer than Debian 12's headers
constexpr seal_set final_size = seal_set{} | seal::shrink | seal::grow | seal::sealing;

// With seals allowed in any case: older kernels do not know how to forbid execution, and that alone may be left out.
owned_fd create(const char* name) noexcept {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  owned_fd memory{sys::memfd_create(name, flags | no_exec_seal)};
  if (!memory && errno == EINVAL) memory.reset(sys::memfd_create(name, flags));
  return memory;
}

std::byte* map_all(borrowed_fd memory, std::size_t size, bool writable) noexcept {
  void* const start = sys::mmap(size, PROT_READ | (writable ? PROT_WRITE : 0), memory.native_handle());
  return start == MAP_FAILED ? nullptr : static_cast<std::byte*>(start);
}

}  // namespace

result<shared_memory> shared_memory::make(std::string_view name, std::size_t bytes, seal_set more) noexcept {
  std::array<char, name_bytes + 1> text{};
  if (bytes == 0 || bytes > mapping_options{}.most || name.size() > name_bytes || name.contains('\0')) {
    return detail::os_failure(EINVAL);
  }
  name.copy(text.data(), name.size());

  owned_fd memory = create(text.data());
  if (!memory) return detail::os_failure();
  const int number = memory.native_handle();
  if (sys::ftruncate(number, static_cast<off_t>(bytes)) < 0) return detail::os_failure();
  std::byte* const start = map_all(memory, bytes, true);
  if (start == nullptr) return detail::os_failure();
  shared_memory out{std::move(memory), start, bytes, true};
  // After the mapping, which some seals would forbid; and looked at again, since a kernel or filter in between may
  // accept what it does not do.
  const seal_set wanted = final_size | more;
  if (sys::fcntl(number, F_ADD_SEALS, static_cast<int>(wanted.bits)) < 0) return detail::os_failure();
  const int set = sys::fcntl(number, F_GET_SEALS);
  if (set < 0) return detail::os_failure();
  if (!seal_set{static_cast<unsigned>(set)}.contains(wanted))
    return std::unexpected{make_error_code(errc::unsupported)};
  return out;
}

result<shared_memory, refusal> shared_memory::map(owned_fd&& memory, const mapping_options& options) noexcept {
  expectation agreed{
      .kinds = descriptor_kind::memfd, .access = access_mode::read_write, .seals = seal_set{} | seal::shrink};
  if (!options.writable) agreed.access.insert(access_mode::read);
  if (const auto admitted = admit(memory, agreed); !admitted) return std::unexpected{admitted.error()};
  const auto failed = [] { return std::unexpected{refusal{detail::os_error(), mismatch::not_examined}}; };
  struct statx now{};  // after the seal: the size cannot get less any more, and what it grows by is not mapped
  if (sys::statx(memory.native_handle(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, now) < 0) return failed();
  if (now.stx_size < options.least) {
    return std::unexpected{refusal{errc::not_admitted, mismatch::size_below, 0, now.stx_size, options.least}};
  }
  if (now.stx_size > options.most) {
    return std::unexpected{refusal{errc::not_admitted, mismatch::size_above, 0, now.stx_size, options.most}};
  }
  const auto size = static_cast<std::size_t>(now.stx_size);
  std::byte* const start = map_all(memory, size, options.writable);
  if (start == nullptr) return failed();
  return shared_memory{std::move(memory), start, size, options.writable};
}

shared_memory::shared_memory(owned_fd&& fd, std::byte* start, std::size_t size, bool writable) noexcept
    : fd_{std::move(fd)}, start_{start}, size_{size}, writable_{writable} {}

shared_memory::shared_memory(shared_memory&& other) noexcept
    : fd_{std::move(other.fd_)},
      start_{std::exchange(other.start_, nullptr)},
      size_{std::exchange(other.size_, 0)},
      writable_{std::exchange(other.writable_, false)} {}

shared_memory& shared_memory::operator=(shared_memory&& other) noexcept {
  if (this == &other) return *this;
  unmap();
  fd_ = std::move(other.fd_);
  start_ = std::exchange(other.start_, nullptr);
  size_ = std::exchange(other.size_, 0);
  writable_ = std::exchange(other.writable_, false);
  return *this;
}

void shared_memory::unmap() noexcept {
  if (start_ != nullptr) sys::munmap(start_, size_);
  start_ = nullptr;
}

}  // namespace scm::inline v0_1
