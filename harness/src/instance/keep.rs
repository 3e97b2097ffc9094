//! Keeping what an instance wrote, for a look after it is gone.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::{FileKind, Instance};
use crate::diff::{Change, What};
use crate::path::shown;
use crate::sandbox::{FromKeeper, ToKeeper};

/// Part of what was to be kept could not be.
#[derive(Debug, thiserror::Error)]
#[error("failed to write `{}`", shown(path))]
pub(crate) struct KeepError {
    path: PathBuf,
    source: io::Error,
}

impl Instance {
    /// Writes into `directory`: `report.txt`, the console, the lists of changes and attempts, and below
    /// `upper/` what the instance added or changed. The files there are the user's own, so that they can be
    /// read and removed; the list has their true owners and modes.
    pub(crate) fn keep(&self, directory: &Path, report: &str) -> Result<(), KeepError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| KeepError { path, source }
        };
        if directory.exists() {
            fs::remove_dir_all(directory).map_err(failed(directory))?;
        }
        fs::create_dir_all(directory).map_err(failed(directory))?;
        let changes = self.changes().unwrap_or_default();
        let options = crate::snapshot::RenderOptions { names: self.names(), ..Default::default() };
        self.settle();
        let mut attempts: String =
            self.tried().iter().map(|attempt| format!("{attempt}\n")).collect();
        attempts.extend(self.unrecorded().into_iter().map(|line| line + "\n"));
        for (name, text) in [
            ("report.txt", report.to_owned()),
            ("console.log", self.console().text()),
            ("attempts.txt", attempts),
            ("changes.txt", crate::snapshot::render(&changes, &options)),
        ] {
            let path = directory.join(name);
            fs::write(&path, text).map_err(failed(&path))?;
        }
        let upper = directory.join("upper");
        fs::create_dir_all(&upper).map_err(failed(&upper))?;
        for change in &changes {
            let path =
                upper.join(Path::new(&change.path.0).strip_prefix("/").unwrap_or("x".as_ref()));
            self.keep_file(change, &path).map_err(failed(&path))?;
        }
        Ok(())
    }

    fn keep_file(&self, change: &Change, path: &Path) -> io::Result<()> {
        let (What::Added(entry) | What::Changed { after: entry, .. }) = &change.what else {
            return Ok(());
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        match entry.kind {
            FileKind::Directory => fs::create_dir_all(path),
            FileKind::Symlink => match &entry.target {
                // It may point anywhere: whoever follows it does so on the host.
                Some(target) => symlink(&target.0, path),
                None => Ok(()),
            },
            FileKind::File => match self.sandbox().ask(&ToKeeper::Upper(change.path.clone())) {
                Ok((FromKeeper::File(_), Some(file))) => {
                    let mut copy = File::options().write(true).create_new(true).open(path)?;
                    io::copy(&mut File::from(file), &mut copy).map(drop)
                }
                // Gone since.
                _ => Ok(()),
            },
            // Devices, FIFOs and sockets are in the list.
            _ => Ok(()),
        }
    }
}
