"""What the names of the invented people and companies are drawn from: see make_seeds.py, which uses them."""

from __future__ import annotations

# First names / last names by country. "山田=yamada" gives the spelling used in an e-mail address.
NAMES = {
    "US": (
        "Avery Brooke Carlos Denise Elliot Grace Harper Isaac Jada Kyle Logan Maya Noah Paige Quinn Rosa Tyler Wendy",
        "Abernathy Bell Castillo Dawson Ellison Farrow Garner Holloway Ingram Kessler Langley Mercer Norwood Pruitt "
        "Ramsey Stanton Tillman Whitfield",
    ),
    "GB": (
        "Alfie Beth Callum Eilidh Fergus Gwen Harriet Imogen Niamh Oisín Poppy Rhys Siobhán Tamsin Una Will",
        "Ashdown Blackwood Carrick Dunmore Fairley Garside Hathersage O'Brien O'Connor Penrose Quayle Redfern "
        "Tredinnick Ó_Súilleabháin Whitlock",
    ),
    "DE": (
        "Anke Björn Dörte Frauke Götz Heike Jörg Jürgen Käthe Lena Malte Nele Rüdiger Sören Silke Uwe Wiebke",
        "Müller Fischer Schäfer Krüger Weiß Köhler Böhm Jäger Voß Groß Hübner Lüdtke Petersen Rößler Stürmer von_Aalst",
    ),
    "FR": (
        "Aurélie Benoît Chloé Éloïse François Gaëlle Hélène Jérôme Léa Maël Noémie Océane Rémi Solène Théo Zoé",
        "Lefèvre Gauthier Béranger Chevallier D'Aubigny Desprès Fournier Guérin Hébert Lemaître Moreau Prévost Vallée",
    ),
    "ES": (
        "José María Begoña Íñigo Lucía Martín Nuria Óscar Paula Raúl Sofía Tomás Úrsula Verónica Xavier Zoraida",
        "Núñez García_Peña Ibáñez Jiménez Larrañaga Muñoz Ordóñez Peñalver Quiñones Ramírez Sáenz Tejeda Úbeda Yáñez",
    ),
    "PL": (
        "Agnieszka Bożena Dawid Elżbieta Grażyna Jarosław Kacper Łukasz Małgorzata Paweł Sławomir Wojciech Zofia",
        "Brzęczyk Dąbek Gołąb Jaśkiewicz Kołodziej Mączka Nowicki Pająk Rzepka Śliwa Wróbel Żuraw",
    ),
    "SE": (
        "Åsa Björn Cecilia Elin Gösta Håkan Ingrid Johan Kerstin Lars Märta Nils Örjan Sigrid Tove Ulf",
        "Ahlström Bergqvist Dahlgren Ekström Forsberg Grönlund Hägglund Källström Löfgren Nyström Sjöberg Åkesson",
    ),
    "BR": (
        "Ana Bruno Caio Débora Fábio Gisele Henrique Inês João Luíza Márcio Natália Otávio Priscila Régis Thaís",
        "Araújo Brandão Conceição Damasceno Falcão Gonçalves Leitão Magalhães Nóbrega Paixão Queirós Simões Valadão",
    ),
    "VN": (
        "An Bảo Chi Đức Giang Hạnh Hương Khánh Linh Minh Ngọc Phương Quỳnh Thảo Tuấn Vân",
        "Nguyễn Trần Lê Phạm Huỳnh Hoàng Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý",
    ),
    "JP": (
        "花子=hanako 結衣=yui 翔太=shota 美咲=misaki 健一=kenichi 直樹=naoki 由美=yumi 拓海=takumi",
        "山田=yamada 佐藤=sato 鈴木=suzuki 高橋=takahashi 田中=tanaka 渡辺=watanabe 小林=kobayashi 森=mori",
    ),
    "IN": (
        "Aarav Bhavna Chetan Divya Esha Farhan Gaurav Isha Jyoti Kavya Lakshmi Nikhil Priya Rohan Sunita Vikram",
        "Agarwal Banerjee Chaudhary Deshmukh Gokhale Iyer Joshi Kulkarni Menon Nambiar Pillai Raman Saxena Trivedi",
    ),
    "NG": (
        "Adebáyò Amina Chidi Chiọma Emeka Folákẹ́ Ifeoma Kẹ́hìndé Ngozi Obinna Ṣadé Tunde Uche Yetunde Zainab",
        "Adeyemi Balogun Chukwu Danjuma Eze Fálànà Ibekwe Lawal Nwosu Ogunlade Okafor Ọláyínká Umeh",
    ),
}
SPELLING = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "'": "", "_": ""})

HEADS = ("Amber", "Birch", "Cobalt", "Copper", "Elder", "Fallow", "Hazel", "Larch", "Nettle", "Otter", "Quill")
TAILS = ("beck", "croft", "dell", "fen", "garth", "holt", "loom", "marsh", "mere", "moor", "rigg", "wick", "wold")
TRADES = {
    "US": "Hardware,Freight,Outdoor Supply,Dental Group,Roofing",
    "GB": "& Sons,Brewing,Joinery,Bookshops,Ceramics",
    "DE": "Werkzeugbau,Bäckerei,Möbel,Gerüstbau,Getränke",
    "FR": "Boulangerie,Menuiserie,Cafés,Horlogerie,Pépinières",
    "ES": "Cerámica,Panadería,Muebles,Logística,Diseño",
    "PL": "Stolarnia,Piekarnia,Łożyska,Meble,Ogrodnictwo",
    "SE": "Bygg AB,Måleri AB,Kök AB,Frakt AB,Trädgård AB",
    "BR": "Cafés,Móveis,Construções,Transportes,Padaria",
    "VN": "Gốm Sứ,Nội Thất,Vận Tải,Cà Phê,Dệt May",
    "JP": "製作所,印刷,運輸,珈琲,Studio",
    "IN": "Textiles,Tea Estates,Logistics,Instruments,Foods",
    "NG": "Farms,Haulage,Fabrics,Solar,Kitchens",
}
