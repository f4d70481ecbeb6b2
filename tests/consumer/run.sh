#!/bin/bash
# Installs the library into a prefix of its own, moves that prefix, and uses it from there as a stranger would: through
# find_package and through pkg-config. A request for another minor or major version must be refused.
# usage: run.sh static|shared SOURCE-DIRECTORY BUILD-DIRECTORY WORK-DIRECTORY CMAKE COMPILER
# static installs BUILD-DIRECTORY; shared builds the library once more, in WORK-DIRECTORY, and keeps that build.
set -euo pipefail

kind=$1 source=$2 build=$3 work=$4 cmake=$5 compiler=$6
here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$work/first" "$work/prefix" "$work"/consumer*
if [[ $kind == shared ]]; then
  build=$work/scm
  "$cmake" -S "$source" -B "$build" -G Ninja -D CMAKE_CXX_COMPILER="$compiler" -D CMAKE_BUILD_TYPE=Debug \
    -D BUILD_SHARED_LIBS=ON -D CMAKE_UNITY_BUILD=ON -D CMAKE_UNITY_BUILD_BATCH_SIZE=0 \
    -D SCM_BUILD_PROGRAM=OFF -D SCM_BUILD_TESTS=OFF >/dev/null
  "$cmake" --build "$build" --parallel 1  # what is tested beside it has times to keep
fi
"$cmake" --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/prefix"
pkgconfig=$(dirname "$(find "$work/prefix" -name scm.pc)")
libraries=$(dirname "$pkgconfig")

configure() {
  "$cmake" -S "$here" -B "$work/consumer" -G Ninja -D CMAKE_CXX_COMPILER="$compiler" \
    -D CMAKE_PREFIX_PATH="$work/prefix" "$@"
}

echo '--- find_package(scm 0.1)'
configure -D SCM_WANTED=0.1 >/dev/null
"$cmake" --build "$work/consumer"
"$work/consumer/consumer"
"$work/consumer/harness"
if [[ -e $work/consumer/filtered ]]; then
  echo '--- the component seccomp'
  configure -D SCM_COMPONENTS=seccomp >/dev/null
  "$work/consumer/filtered"
fi
if [[ -e $work/consumer/served ]]; then
  echo '--- the component service'
  configure -D SCM_COMPONENTS=service >/dev/null
  "$work/consumer/served"
fi
if [[ -e $work/consumer/watched ]]; then
  echo '--- the component supervisor'
  configure -D SCM_COMPONENTS=supervisor >/dev/null
  "$work/consumer/watched"
fi
echo '--- a component that there is not is refused'
rm -rf "$work/consumer"
if configure -D SCM_COMPONENTS=nothing >/dev/null 2>&1; then
  echo 'scm was found with the component "nothing"'
  exit 1
fi

for version in 0.2 1.0; do
  echo "--- find_package(scm $version) is refused"
  rm -rf "$work/consumer"
  if output=$(configure -D SCM_WANTED=$version 2>&1); then
    echo "scm 0.1 was taken for $version"
    exit 1
  fi
  # CMake breaks its messages into lines wherever they become too long.
  message=$(tr -s ' \n' ' ' <<<"$output")
  if [[ $message != *"is compatible with requested version \"$version\""*"scmConfig.cmake, version: 0.1."* ]]; then
    printf 'refused, but for another reason:\n%s\n' "$output"
    exit 1
  fi
done

echo '--- pkg-config'
export PKG_CONFIG_PATH=$pkgconfig
pkg-config --exists 'scm >= 0.1'
for static in '' --static; do
  # shellcheck disable=SC2046,SC2086  # a list of words is what pkg-config prints
  "$compiler" -std=c++23 "$here/main.cpp" $(pkg-config $static --cflags --libs scm) -o "$work/consumer-pkg-config"
  LD_LIBRARY_PATH=$libraries "$work/consumer-pkg-config"
done

if [[ -e $pkgconfig/scm-seccomp.pc ]]; then
  # shellcheck disable=SC2046  # as above
  "$compiler" -std=c++23 "$here/filtered.cpp" $(pkg-config --cflags --libs scm-seccomp) -o "$work/filtered-pkg-config"
  LD_LIBRARY_PATH=$libraries "$work/filtered-pkg-config"
fi

if [[ -e $pkgconfig/scm-service.pc ]]; then
  # shellcheck disable=SC2046  # as above
  "$compiler" -std=c++23 "$here/served.cpp" $(pkg-config --cflags --libs scm-service) -o "$work/served-pkg-config"
  LD_LIBRARY_PATH=$libraries "$work/served-pkg-config"
fi

if [[ -e $pkgconfig/scm-supervisor.pc ]]; then
  # shellcheck disable=SC2046  # as above
  "$compiler" -std=c++23 "$here/watched.cpp" $(pkg-config --cflags --libs scm-supervisor) -o "$work/watched-pkg-config"
  LD_LIBRARY_PATH=$libraries "$work/watched-pkg-config"
fi

if [[ -e $work/prefix/bin/scm ]]; then
  echo '--- the program'
  "$work/prefix/bin/scm" --help >/dev/null
fi

if [[ $kind == shared ]]; then
  echo '--- the shared library defines its own names only'
  library=$libraries/libscm.so
  # Weak symbols are left aside: templates of the standard library, and the exception types that Boost has to share.
  if foreign=$(nm -DC --defined-only "$library" | grep -E ' [ABDGRST] ' | grep -v 'scm::v0_'); then
    printf '%s\n' "$foreign"
    exit 1
  fi
  [[ $(readelf -d "$library") == *'Library soname: [libscm.so.0.1]'* ]]
fi
