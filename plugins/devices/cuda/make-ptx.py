"""Makes kernels.ptx.gz of src/kernels.cu, with NVRTC 12.0: drivers from 525 on take its PTX, and it needs no GPU.

    pip download --no-deps nvidia-cuda-nvrtc-cu12==12.0.140       # unpack it, or install it
    python make-ptx.py path/to/libnvrtc.so.12

Include files are put into the source first, so that NVRTC reads no other file.
"""

import ctypes
import gzip
import hashlib
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
SOURCES = HERE / 'src'
TARGET = HERE / 'kernels.ptx.gz'


def flattened(file, seen):
    """The text of a file with what it includes in its place, each file once."""
    if file in seen:
        return ''
    seen.add(file)
    lines = []
    for line in file.read_text().splitlines():
        include = re.match(r'#include "(.+)"', line)
        if include and 'emulator/' in include[1]:
            continue
        if include:
            lines.append(flattened((file.parent / include[1]).resolve(), seen))
        elif line != '#pragma once':
            lines.append(line)
    return '\n'.join(lines)


def compiled(library, source):
    nvrtc = ctypes.CDLL(library)
    program = ctypes.c_void_p()

    def check(result, what):
        if result:
            size = ctypes.c_size_t()
            nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
            log = ctypes.create_string_buffer(size.value)
            nvrtc.nvrtcGetProgramLog(program, log)
            sys.exit(f'{what}: NVRTC error {result}\n{log.value.decode()}')

    version = ctypes.c_int(), ctypes.c_int()
    check(nvrtc.nvrtcVersion(*map(ctypes.byref, version)), 'nvrtcVersion')
    if (version[0].value, version[1].value) != (12, 0):
        sys.exit(f'NVRTC is {version[0].value}.{version[1].value}: 12.0 is needed, whose PTX older drivers take')
    check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b'kernels.cu', 0, None, None), 'source')
    options = [b'--gpu-architecture=compute_80', b'--std=c++17', b'-default-device']
    check(nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options)), 'compilation')
    size = ctypes.c_size_t()
    check(nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size)), 'PTX')
    ptx = ctypes.create_string_buffer(size.value)
    check(nvrtc.nvrtcGetPTX(program, ptx), 'PTX')
    return ptx.value.decode()


if len(sys.argv) != 2:
    sys.exit(__doc__)
source = flattened(SOURCES / 'kernels.cu', set())
digest = hashlib.sha256(source.encode()).hexdigest()
ptx = compiled(sys.argv[1], source)
# Comments with the compiler's build numbers, and lines for debuggers, say nothing to a driver.
ptx = re.sub(r'^//.*\n', '', ptx, flags=re.M)
text = f'// Made by make-ptx.py of sources with the SHA-256 {digest}\n{ptx.strip()}\n'
TARGET.write_bytes(gzip.compress(text.encode(), mtime=0))
print(f'{TARGET.name}: {len(ptx)} bytes, {len(re.findall(r"[.]visible [.]entry", ptx))} kernels')
