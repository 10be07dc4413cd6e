//! Everything `unsafe` of this chapter: libraries that somebody else wrote, and the launch of a kernel on a GPU.
#![allow(unsafe_code)] // Foreign code cannot be called otherwise.

use crate::{Error, launch::Argument};
use cudarc::{
    driver::{CudaFunction, CudaSlice, CudaStream, LaunchConfig, PushKernelArg},
    nvrtc::{
        result::{self, NvrtcError},
        sys::nvrtcProgram,
    },
};
use std::{
    ffi::{CStr, c_char},
    mem,
    path::Path,
    sync::Arc,
};

/// Whether there is a CUDA driver. cudarc panics where its first call finds none.
pub(crate) fn driver_is_present() -> bool {
    // SAFETY: it loads the driver's library, whose initialisers are NVIDIA's and are meant to be run this way.
    unsafe { cudarc::driver::sys::is_culib_present() }
}

/// Whether NVRTC can be loaded, or already is.
pub(crate) fn nvrtc_is_present() -> bool {
    // SAFETY: as above, for NVRTC.
    unsafe { cudarc::nvrtc::sys::is_culib_present() }
}

/// A text that NVRTC compiles.
struct Compilation(nvrtcProgram);

impl Drop for Compilation {
    fn drop(&mut self) {
        // SAFETY: it was created by `create_program`, and nothing of it is used after this.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

/// What NVRTC makes of a text: the PTX, or that it does not compile; and what it says of the text either way. cudarc's own
/// wrapper gives the words of a failure only, and warnings are about texts that compile.
pub(crate) fn compile(
    source: &CStr,
    name: &CStr,
    options: &[String],
) -> Result<(Result<String, NvrtcError>, String), NvrtcError> {
    let text = |chars: Vec<c_char>| {
        let bytes: Vec<u8> = chars.into_iter().map(|c| c as u8).take_while(|c| *c != 0).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let program = Compilation(result::create_program(source, Some(name))?);
    // SAFETY: here and below, the program was created above and is destroyed when this function ends; so are the texts that it
    // refers to, which the caller lends for as long.
    let compiled = unsafe { result::compile_program(program.0, options) };
    // SAFETY: as above; it has been compiled.
    let said = text(unsafe { result::get_program_log(program.0) }?);
    // SAFETY: as above.
    let ptx = compiled.and_then(|()| unsafe { result::get_ptx(program.0) });
    Ok((ptx.map(text), said))
}

/// Loads a library for good, so that whoever asks for it by name finds it. A file that is no library is left alone.
pub(crate) fn load(path: &Path) {
    // SAFETY: the file is NVIDIA's, unpacked into the course's folder at the reader's request; its initialisers may be
    // run from any thread, and it is never unloaded.
    #[cfg(unix)]
    let library = unsafe {
        use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
        Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL)
    };
    // SAFETY: as above.
    #[cfg(windows)]
    let library = unsafe {
        use libloading::os::windows::{LOAD_WITH_ALTERED_SEARCH_PATH, Library};
        Library::load_with_flags(path, LOAD_WITH_ALTERED_SEARCH_PATH)
    };
    if let Ok(library) = library {
        mem::forget(library);
    }
}

/// Launches a kernel on a GPU, without waiting for it. The arguments were compared with the kernel's parameters: as many,
/// and as large. The caller keeps the buffers until it has waited for the stream.
pub(crate) fn launch(
    stream: &Arc<CudaStream>,
    function: &CudaFunction,
    config: LaunchConfig,
    buffers: &[CudaSlice<f32>],
    arguments: &[Argument],
) -> Result<(), Error> {
    let mut launch = stream.launch_builder(function);
    for argument in arguments {
        match argument {
            Argument::Buffer(buffer) => launch.arg(&buffers[buffer.index()]),
            Argument::Int(number) => launch.arg(number),
            Argument::Float(number) => launch.arg(number),
        };
    }
    // SAFETY: the number of arguments and the size of each are those of the kernel, and every buffer is alive until the
    // stream has been waited for, as the caller promises. What a kernel does to memory cannot be promised from here: one that writes out
    // of bounds is undefined on a GPU, which is why the course runs new kernels on the simulator first.
    let launched = unsafe { launch.launch(config) };
    launched.map(|_| ()).map_err(|error| Error::Driver(error.to_string()))
}
