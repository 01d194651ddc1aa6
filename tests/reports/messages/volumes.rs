//! Volumes: what they hold that is not read, with what to do instead.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;

use super::{hold, hold_within, put, with};
use crate::volumes::{int16, mha, nrrd, unit, values, zlib};
use lungglass::decode::Limits;

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn volumes_of_research() {
    let stored = int16(&values("LPH", unit));
    let metaimage = mha("LPH", "", &stored);
    let other = |part: &str, other: &str| with(&metaimage, part.as_bytes(), other.as_bytes());
    let nrrd_file = nrrd("LPH", "LPS", "encoding: raw\n", &stored);
    let changed = |part: &str, other: &str| with(&nrrd_file, part.as_bytes(), other.as_bytes());
    let short = |value: i16| value.to_le_bytes();
    let mut nifti = vec![0; 352];
    nifti[..4].copy_from_slice(&348u32.to_le_bytes());
    [3, 4, 3, 2].iter().enumerate().for_each(|(at, side)| nifti = put(&nifti, 40 + 2 * at, &short(*side)));
    nifti = put(&put(&put(&nifti, 70, &short(4)), 108, &352f32.to_le_bytes()), 344, b"n+1\0");
    nifti.extend(&stored);
    let labels: Vec<u8> = int16(&(0..24).map(|at| f64::from(at % 2)).collect::<Vec<_>>());
    let levels =
        |greatest: f64| int16(&(0..24).map(|at| f64::from(at) * greatest / 23.0).map(f64::floor).collect::<Vec<_>>());
    let labels = |file: &[u8]| [&file[..file.len() - labels.len()], &labels].concat();
    hold([
        (
            "a MetaImage file that is no image is not supported; choose the image of the study",
            other("= Image", "= Tube"),
        ),
        (
            "a MetaImage file that is no volume of three dimensions is not supported; save each volume as a file of its own",
            other("NDims = 3", "NDims = 2"),
        ),
        (
            "a MetaImage file with several values a voxel is not supported; save it with one value a voxel",
            other("MET_SHORT", "MET_SHORT_ARRAY"),
        ),
        (
            "a MetaImage file with bytes before its values (HeaderSize) is not supported; save it without",
            other("DimSize", "HeaderSize = 20\nDimSize"),
        ),
        (
            "a MetaImage file of text is not supported; save its values in binary",
            other("BinaryData = True", "BinaryData = False"),
        ),
        (
            "a MetaImage header whose values lie in another folder or in several files (\"LIST\") is not supported; save it as one file",
            other("LOCAL", "LIST"),
        ),
        (
            "a MetaImage header whose values lie in \"scan.raw\", which is not beside it, is not supported; give it both files, out of one folder",
            other("LOCAL", "scan.raw"),
        ),
        (
            "the MetaImage data cannot be read: its field \"DimSize\" does not hold the sides of a volume; export the slice again from its source",
            other("DimSize = 4 3 2", "DimSize = 4 3"),
        ),
        (
            "the MetaImage data cannot be read: its field \"ElementType\" names no kind of value; export the slice again from its source",
            other("MET_SHORT", "MET_OTHER"),
        ),
        (
            "a NRRD file that is no volume of three dimensions is not supported; save each volume as a file of its own",
            changed("dimension: 3", "dimension: 4"),
        ),
        (
            "a NRRD file with axes that are not those of space is not supported; save it with one value a voxel",
            changed("kinds: domain", "kinds: RGB-color"),
        ),
        (
            "a NRRD file whose values are at its end (byte skip) is not supported; save it without",
            changed("encoding: raw", "encoding: raw\nbyte skip: -1"),
        ),
        (
            "a NRRD file with lines before its values (line skip) is not supported; save it without",
            changed("encoding: raw", "encoding: raw\nline skip: 2"),
        ),
        (
            "a NRRD file with bytes before its values (byte skip) is not supported; save it without",
            changed("encoding: raw", "encoding: gzip\nbyte skip: 4"),
        ),
        ("a NRRD file of text is not supported; save its values raw or as gzip", changed("raw", "ascii")),
        ("a NRRD file packed by bzip2 is not supported; save its values raw or as gzip", changed("raw", "bzip2")),
        (
            "the NRRD data cannot be read: its field \"type\" names no kind of value; export the slice again from its source",
            changed("type: short", "type: block"),
        ),
        (
            "the NRRD data cannot be read: it has no field \"encoding\"; export the slice again from its source",
            changed("encoding", "coding"),
        ),
        (
            "the NRRD data cannot be read: its field \"encoding\" names no encoding; export the slice again from its source",
            changed("encoding: raw", "encoding: rice"),
        ),
        (
            "the MetaImage data cannot be read: it has no field \"DimSize\"; export the slice again from its source",
            other("DimSize", "Size"),
        ),
        (
            "the MetaImage data cannot be read: it holds more values than its size says; export the slice again from its source",
            mha("LPH", "CompressedData = True\n", &zlib(&[&stored[..], &[0; 2]].concat())),
        ),
        (
            "the MetaImage data cannot be read: its compressed values are damaged (*); export the slice again from its source",
            mha("LPH", "CompressedData = True\n", &zlib(&stored)[..20]),
        ),
        (
            "a NIfTI file of floating-point numbers of 128 bits is not supported; save it with values of 16 bits",
            put(&nifti, 70, &short(1536)),
        ),
        (
            "a NIfTI file whose values are in another file (.hdr and .img) is not supported; save it as one .nii file",
            put(&nifti, 344, b"ni1\0"),
        ),
        (
            "a NIfTI file of labels is not supported; give it the CT volume that the labels belong to",
            put(&nifti, 68, &short(1002)),
        ),
        ("a NIfTI file of labels is not supported; give it the CT volume that the labels belong to", labels(&nifti)),
        (
            "a NIfTI file of 2 volumes is not supported; save each volume as a file of its own",
            put(&put(&nifti, 40, &short(4)), 48, &short(2)),
        ),
        ("a NIfTI file of colours is not supported; save it with values of 16 bits", put(&nifti, 70, &short(128))),
        (
            "a NIfTI file with values from 0 to 2000, which are neither Hounsfield units nor gray levels, is not supported; convert the original series, with rescale slope and intercept",
            [&nifti[..352], &levels(2000.0)].concat(),
        ),
        (
            "the NIfTI data cannot be read: all its values are 0; export the slice again from its source",
            [&nifti[..352], &levels(0.0)].concat(),
        ),
        (
            "the NIfTI data cannot be read: it holds 47 of 48 bytes of values; export the slice again from its source",
            nifti[..nifti.len() - 1].to_vec(),
        ),
    ]);
    let usual = Limits::default;
    hold_within([
        (
            "the number of frames is 2, more than the limit of 1; export it smaller",
            metaimage.clone(),
            Limits { frames: 1, ..usual() },
        ),
        (
            "the size of its values in bytes is 48, more than the limit of 20; export it smaller",
            mha("LPH", "CompressedData = True\n", &stored),
            Limits { entry: 20, ..usual() },
        ),
    ]);
    let note = "its values lie between 0 and 255, and are read as gray levels of a window that is not known";
    let unplaced = "it does not say how it lies in the patient, and is shown as it is stored";
    let twice = format!("{note}; {unplaced}; {note}; {unplaced}");
    hold([(twice.as_str(), [&nifti[..352], &levels(255.0)].concat())]);
}
