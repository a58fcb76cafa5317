#pragma once

namespace tessera::agent {

/// For a stop_callback: a driver call that never returns must not keep the process, so after ten seconds of shutdown it
/// ends as it is.
void leave_when_stuck();

}  // namespace tessera::agent
