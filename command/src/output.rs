//! Files that the command writes: each is written beside its place and put there when it is whole, and a folder of results has one writer.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::failure::{Failure, failed};

/// Writes a file. What was there stays until the new one is whole, and stays for good where that fails; a link is replaced, and what it
/// leads to is left alone.
///
/// # Errors
/// What `fill` says, and a failure that names the file.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<(), Failure> {
    let named = || path.display().to_string();
    can_be_replaced(path).map_err(failed(named()))?;
    let beside = Beside::new(path).map_err(failed(named()))?;
    let mut writer = BufWriter::new(&beside.file);
    fill(&mut writer)?;
    writer.flush().map_err(failed(named()))?;
    drop(writer);
    beside.put(path).map_err(failed(named()))
}

/// What is there must be a file, a link or nothing: a device or a pipe would be lost, and a folder cannot be replaced.
///
/// # Errors
/// Why it cannot be written there.
pub fn can_be_replaced(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() || there.is_symlink() => Ok(()),
        Ok(_) => Err(io::Error::other("it is no file: choose another name")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A file that is not yet in its place. Where it never comes there, nothing of it is left.
struct Beside {
    file: File,
    /// Its name, if it has one already.
    name: Option<PathBuf>,
}

impl Beside {
    /// Without a name where the system has that, so that nothing is left however the program ends.
    fn new(path: &Path) -> io::Result<Beside> {
        #[cfg(target_os = "linux")]
        if let Ok(file) = nameless::create(folder(path)) {
            return Ok(Beside { file, name: None });
        }
        let name = unfinished(path);
        Ok(Beside { file: create(&name)?, name: Some(name) })
    }

    fn put(mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        #[cfg(target_os = "linux")]
        if self.name.is_none() {
            let name = unfinished(path);
            remove(&name)?;
            nameless::link(&self.file, &name)?;
            self.name = Some(name);
        }
        if let Some(name) = &self.name {
            fs::rename(name, path)?;
            self.name = None;
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // It is no result, and there is nobody to tell.
            let _ = fs::remove_file(name);
        }
    }
}

/// Files without a name, which Linux gives one when they are whole.
#[cfg(target_os = "linux")]
mod nameless {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, OFlags, linkat};

    /// Where a file without a name can be reached.
    const OPEN: &str = "/proc/self/fd";

    pub fn create(folder: &Path) -> io::Result<File> {
        if !Path::new(OPEN).exists() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        OpenOptions::new().write(true).custom_flags(OFlags::TMPFILE.bits() as i32).open(folder)
    }

    pub fn link(file: &File, name: &Path) -> io::Result<()> {
        let nameless = format!("{OPEN}/{}", file.as_raw_fd());
        Ok(linkat(CWD, &nameless, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The name of a file until it is whole. No two programs have the same.
fn unfinished(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.unfinished", std::process::id()));
    path.with_file_name(name)
}

/// A new file, through no link.
fn create(path: &Path) -> io::Result<File> {
    remove(path)?;
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Opens a file that is there, but none that a link leads to.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file but a link or something else: remove it"));
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    }
    options.open(path)
}

/// The right to write results into a folder, for as long as it is held.
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Makes the folder, and takes the right to write there.
    ///
    /// # Errors
    /// When another program has it.
    pub fn take(folder: &Path) -> Result<Lock, Failure> {
        const NAME: &str = "validation.lock";
        fs::create_dir_all(folder).map_err(failed(folder.display()))?;
        let path = folder.join(NAME);
        loop {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed(path.display())(error));
                }
                _ => {}
            }
            let file = match open(&path, OpenOptions::new().read(true).write(true)) {
                // Who had it before has just ended.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(failed(path.display()))?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Failure(format!(
                        "another run writes into {}: wait for its end, or choose another --out",
                        folder.display()
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(failed(path.display())(error)),
            }
            if is_still(&file, &path) {
                return Ok(Lock { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held, so that nobody's but this one is removed.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the file has this name: who had the lock before may have removed it meanwhile.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().map(of).ok().zip(fs::symlink_metadata(path).map(of).ok()).is_some_and(|(a, b)| a == b)
}

/// A file that is open keeps its name.
#[cfg(not(unix))]
fn is_still(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("lungglass-output-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    fn text(text: &str) -> impl FnOnce(&mut dyn Write) -> Result<(), Failure> {
        move |out| out.write_all(text.as_bytes()).map_err(failed("the test"))
    }

    #[test]
    fn a_file_is_there_when_it_is_whole() {
        let folder = scratch("whole");
        let path = folder.join("report.html");
        write(&path, text("one")).unwrap();
        let failure = write(&path, |out| {
            text("half")(out)?;
            assert_eq!(fs::read_to_string(folder.join("report.html")).unwrap(), "one");
            Err(Failure("on purpose".to_string()))
        });
        assert_eq!(failure.unwrap_err().0, "on purpose");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write(&path, text("two")).unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), names(&folder)),
            ("two", vec!["report.html".to_string()])
        );
        assert!(write(&folder, text("no")).unwrap_err().0.contains("it is no file"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn no_link_is_followed() {
        let folder = scratch("links");
        let (other, link) = (folder.join("other"), folder.join("link"));
        fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(open(&link, OpenOptions::new().append(true)).is_err());
        write(&link, text("new")).unwrap();
        assert_eq!(
            (fs::read_to_string(&other).unwrap().as_str(), fs::read_to_string(&link).unwrap().as_str()),
            ("mine", "new")
        );
        assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_has_one_writer() {
        let folder = scratch("lock");
        let lock = Lock::take(&folder).unwrap();
        let second = Lock::take(&folder).err().unwrap();
        assert!(second.0.contains("another run writes into"), "{}", second.0);
        drop(lock);
        assert!(names(&folder).is_empty());
        // What a run that was killed left locks nobody out.
        fs::write(folder.join("validation.lock"), "").unwrap();
        drop(Lock::take(&folder).unwrap());
        fs::remove_dir_all(folder).unwrap();
    }
}
