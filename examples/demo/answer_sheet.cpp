#include "answer_sheet.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace demo {

outcome<scm::owned_fd> make_answer_sheet() {
  scm::owned_fd sheet{memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!sheet) return failed("make memory for the answer (memfd_create)");
  if (ftruncate(sheet.native_handle(), sizeof(answer)) != 0) return failed("size the memory for the answer");
  if (fcntl(sheet.native_handle(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return failed("seal the memory for the answer");
  }
  return sheet;
}

outcome<void> write_answer(scm::borrowed_fd sheet, const answer& given) {
  const ssize_t size = pwrite(sheet.native_handle(), &given, sizeof given, 0);
  if (size < 0) return failed("write the answer into the memory received");
  if (size != sizeof given) return failed("write the answer into the memory received", EIO);
  return {};
}

outcome<answer> read_answer(scm::borrowed_fd sheet) {
  answer given;
  const ssize_t size = pread(sheet.native_handle(), &given, sizeof given, 0);
  if (size < 0) return failed("read the answer");
  if (size != sizeof given) return failed("read the answer", EIO);
  return given;
}

}  // namespace demo
