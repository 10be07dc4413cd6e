//! The roofline of an A100, and where the rungs stand under it: bounds of a model, nothing measured.

use super::counted::{RUNGS, SIZES, compulsory};
use crate::Rung;
use attn_viz::{Axis, Figure, Lines};
use ptx_sim::{Device, Report};

/// The least time in seconds for the kernels of a rung, one after the other, and what most of it is for.
fn least(device: &Device, reports: &[Report]) -> (f64, &'static str) {
    let limits = || reports.iter().map(|report| device.bound(report).limit());
    let longest = limits().max_by(|a, b| a.0.total_cmp(&b.0)).expect("a rung has a kernel");
    (limits().map(|(seconds, _)| seconds).sum(), longest.1)
}

fn a100() -> Device {
    *Device::KNOWN.iter().find(|device| device.name.starts_with("A100")).expect("it is known")
}

/// FLOP that the result takes: the two products.
fn useful() -> f64 {
    4.0 * (SIZES.heads * SIZES.n * SIZES.m * SIZES.d) as f64
}

pub(super) fn figure() -> Figure {
    let device = a100();
    let (peak, bandwidth) = (device.peak_flops() / 1e12, device.bandwidth / 1e3);
    let high = device.peak_tensor_flops() / 1e12;
    let [ridge, high_ridge] = [peak, high].map(|peak| peak / bandwidth);
    // Nothing that the model knows tells the fifth rung from the fourth.
    let told_apart = RUNGS.iter().filter(|(rung, _)| *rung != Rung::Pipelined);
    let points: Vec<(&str, f64, f64)> = told_apart
        .map(|(rung, reports)| {
            let intensity = useful() / compulsory(reports) as f64;
            (rung.name(), intensity, useful() / least(&device, reports).0 / 1e12)
        })
        .collect();
    let said: Vec<String> = points
        .iter()
        .map(|(name, intensity, rate)| {
            format!("{name} at {intensity:.1} FLOP a byte and at most {rate:.1} TFLOP/s")
        })
        .collect();
    let alternative = format!(
        "The roof rises with {bandwidth:.2} TB/s to {peak:.1} TFLOP/s at {ridge:.1} FLOP a byte; that of the tensor cores goes on \
         to {high:.0} TFLOP/s at {high_ridge:.0} FLOP a byte. Under them stand {}.",
        said.join(", ")
    );
    // One curve in two parts, or there would be more series than colours.
    let gap = (f64::NAN, f64::NAN);
    let low_roof = [(2.0, 2.0 * bandwidth), (ridge, peak), (400.0, peak), gap];
    let roofs = low_roof.into_iter().chain([(ridge, peak), (high_ridge, high), (400.0, high)]);
    let lines = Lines::new(
        "What the model allows on an A100: 16 heads, n = m = 128, d = 64. No measured speed",
        &alternative,
    )
    .x(Axis::log("products, FLOP, per byte of device memory")
        .ticks([2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 400.0]))
    .y(Axis::log("at most (TFLOP/s)").ticks([2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 300.0]))
    .series("roofs: f32, tensor cores", roofs);
    let lines = points
        .iter()
        .fold(lines, |lines, (name, intensity, rate)| lines.series(name, [(*intensity, *rate)]));
    lines.figure()
}

/// The least time on each GPU.
pub(super) fn table() -> String {
    let mut table = String::from("| rung |");
    Device::KNOWN.iter().for_each(|device| table += &format!(" {} |", device.name));
    table += "\n| --- |";
    Device::KNOWN.iter().for_each(|_| table += " --- |");
    for (rung, reports) in RUNGS.iter() {
        table += &format!("\n| {} |", rung.name());
        for device in Device::KNOWN {
            // The instructions of these rungs came with Ampere.
            if reports.iter().any(|report| report.total.tensor_flops > 0)
                && device.architecture < 80
            {
                table += " none |";
                continue;
            }
            let (seconds, resource) = least(&device, reports);
            table += &format!(" {:.1} µs, {resource} |", seconds * 1e6);
        }
    }
    table + "\n"
}
