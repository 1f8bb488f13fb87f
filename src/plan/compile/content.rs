//! What an API says of its bodies: which are binary, how they are converted, and from what size on they are compressed.

use super::Compilation;
use crate::model::{ApiDefinition, ContentHandlingStrategy, Pointer};
use crate::plan::content::{BinaryMediaTypes, ContentHandling};

/// The most that AWS takes. (Guide, `api-gateway-enable-compression`.)
const COMPRESSION_BYTES_MAX: i32 = 10_485_760;

pub fn binary_media_types(compilation: &mut Compilation<'_>, definition: &ApiDefinition) -> BinaryMediaTypes {
    let mut types = BinaryMediaTypes::default();
    for media_type in &definition.rest_api.binary_media_types {
        if types.insert(media_type).is_err() {
            let message = format!("`{media_type}` is not a media type");
            let refusal = compilation.refuse(Pointer::rest_api("binaryMediaTypes"), message);
            refusal.help("write `image/png`, `image/*` or `*/*`, without parameters");
        }
    }
    types
}

pub fn minimum_compression_size(compilation: &mut Compilation<'_>, definition: &ApiDefinition) -> Option<u32> {
    let size = definition.rest_api.minimum_compression_size?;
    if !(0..=COMPRESSION_BYTES_MAX).contains(&size) {
        let message = format!("a minimum compression size of {size} bytes is out of range");
        let refusal = compilation.refuse(Pointer::rest_api("minimumCompressionSize"), message);
        refusal.help(format!("it is between 0 and {COMPRESSION_BYTES_MAX}; nothing is compressed without it"));
    }
    u32::try_from(size).ok()
}

pub fn content_handling(strategy: Option<ContentHandlingStrategy>) -> Option<ContentHandling> {
    strategy.map(|strategy| match strategy {
        ContentHandlingStrategy::ConvertToBinary => ContentHandling::ConvertToBinary,
        ContentHandlingStrategy::ConvertToText => ContentHandling::ConvertToText,
    })
}
