//! The picture of a run: for each workload a bar per contender, as long as its ratio to the floor.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::driver::Cell;
use crate::stats::median;
use crate::table::{floor_of, ratios};

const WIDTH: i32 = 900;
const BAR: i32 = 14;
const GAP: i32 = 22;
const TITLE: i32 = 20;
const LEFT: i32 = 150;
const RIGHT: i32 = 60;
const TOP: i32 = 40;
/// Where the axis ends: a ratio of 16. The axis is logarithmic.
const MOST: f64 = 16.0;
const LEAST: f64 = 0.125;
const FLOOR: RGBColor = RGBColor(0x8a, 0x8f, 0x98);
const OWN: RGBColor = RGBColor(0xd2, 0x4d, 0x1b);
const PEER: RGBColor = RGBColor(0x4b, 0x7b, 0xab);
const LINE: RGBColor = RGBColor(0xc8, 0xcc, 0xd2);
const TEXT: RGBColor = RGBColor(0x30, 0x34, 0x3a);

/// Where a ratio lies on the axis.
fn place(ratio: f64) -> i32 {
    let part = (ratio.clamp(LEAST, MOST) / LEAST).log2() / (MOST / LEAST).log2();
    LEFT + (f64::from(WIDTH - LEFT - RIGHT) * part) as i32
}

fn failed<E: std::fmt::Display>(error: E) -> anyhow::Error {
    anyhow::anyhow!("the picture: {error}")
}

/// The bars of one workload: names and median ratios, in the table's order.
fn bars<'c>(cells: &'c [Cell], name: &str) -> Vec<(&'c Cell, f64)> {
    let of = cells.iter().filter(|cell| cell.workload.name == name && cell.failure.is_none());
    let with = of.filter_map(|cell| Some((cell, median(&ratios(cell, floor_of(cells, cell)?))?)));
    with.filter(|(cell, _)| cell.contender.name != "floor").collect()
}

/// Draws it, as SVG.
///
/// # Errors
///
/// If the drawing fails.
pub fn draw(cells: &[Cell]) -> Result<String> {
    let mut workloads: Vec<(&str, &str)> = Vec::new();
    for cell in cells.iter().filter(|cell| !cell.workload.name.starts_with("growth")) {
        let entry = (cell.workload.name, cell.workload.title);
        if !workloads.contains(&entry) {
            workloads.push(entry);
        }
    }
    let parts: Vec<_> = workloads.iter().map(|(name, title)| (*title, bars(cells, name))).collect();
    let height: i32 = TOP + parts.iter().map(|(_, bars)| TITLE + BAR * bars.len() as i32 + GAP).sum::<i32>();
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let write = |text: String, at: (i32, i32), size: i32, color: RGBColor, side: HPos| {
            let style = ("sans-serif", size).into_font().color(&color).pos(Pos::new(side, VPos::Center));
            area.draw(&Text::new(text, at, style)).map_err(failed)
        };
        let mut tick = LEAST;
        while tick <= MOST {
            let (x, color) = (place(tick), if tick == 1.0 { FLOOR } else { LINE });
            area.draw(&PathElement::new([(x, TOP - 8), (x, height - GAP / 2)], color)).map_err(failed)?;
            let label = if tick == 1.0 { "1 = the floor".to_owned() } else { tick.to_string() };
            write(label, (x, TOP - 18), 11, TEXT, HPos::Center)?;
            tick *= 2.0;
        }
        let mut y = TOP;
        for (title, bars) in parts {
            write(title.to_owned(), (8, y + TITLE / 2), 13, BLACK, HPos::Left)?;
            y += TITLE;
            for (cell, ratio) in bars {
                let (name, own) = (cell.contender.name, cell.contender.is_own());
                let color = if name.starts_with("floor") {
                    FLOOR
                } else if own {
                    OWN
                } else {
                    PEER
                };
                let (one, end) = (place(1.0), place(ratio));
                let (from, to) = (one.min(end), one.max(end).max(one.min(end) + 2));
                area.draw(&Rectangle::new([(from, y + 2), (to, y + BAR - 2)], color.filled())).map_err(failed)?;
                write(name.to_owned(), (LEFT - 8, y + BAR / 2), 11, TEXT, HPos::Right)?;
                let shown = if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.0}") };
                write(shown, (to + 4, y + BAR / 2), 11, TEXT, HPos::Left)?;
                y += BAR;
            }
            y += GAP;
        }
        area.present().map_err(failed)?;
    }
    Ok(svg)
}
