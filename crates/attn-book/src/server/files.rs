//! The files of the built book, and nothing else of the disk.

use super::{
    answer::{Answer, body, text},
    site::Site,
};
use hyper::StatusCode;
use percent_encoding::percent_decode_str;
use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// A page gets the token, with which its script may ask about exercises; other files are as they
/// are on disk.
pub fn answer(site: &Site, path: &str, token: &str) -> Answer {
    let (folder, _unchanged) = site.read();
    let Some(file) = find(folder, path) else {
        return text(StatusCode::NOT_FOUND, "not found");
    };
    let Ok(bytes) = fs::read(&file) else {
        return text(StatusCode::NOT_FOUND, "not found");
    };
    let kind = content_type(&file);
    let bytes = match String::from_utf8(bytes) {
        Ok(page) if kind.starts_with("text/html") => {
            with_token(&page, token, site.version()).into_bytes()
        }
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    body(StatusCode::OK, kind, bytes)
}

/// The file behind a path of a request. It has to lie under the folder, links followed.
fn find(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let relative = Path::new(path.strip_prefix('/')?);
    // Backslashes and colons are separators on Windows, where `Path` would see through them only
    // there.
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || path.contains(['\\', ':', '\0']) {
        return None;
    }
    let root = folder.canonicalize().ok()?;
    let mut file = root.join(relative).canonicalize().ok()?;
    if file.is_dir() {
        file = file.join("index.html").canonicalize().ok()?;
    }
    (file.starts_with(&root) && file.is_file()).then_some(file)
}

fn with_token(page: &str, token: &str, version: u64) -> String {
    let meta = format!("<meta name=\"attn-token\" content=\"{token}\" data-version=\"{version}\">");
    page.replacen("</head>", &format!("{meta}</head>"), 1)
}

fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "wasm" => "application/wasm",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
